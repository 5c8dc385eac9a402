use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Kv, Quota, RateLimiter, Strings};

use crate::on_every_engine;

const HOURLY: Quota = Quota::new(5, Duration::from_secs(3600));

on_every_engine! {
    async fn a_burst_is_allowed_and_no_more(kv: Kv) {
        for left in (0..5).rev() {
            let decision = kv.check("a", HOURLY).await?;
            assert!(decision.allowed);
            assert_eq!(decision.remaining, left);
            assert_eq!(decision.retry_after, Duration::ZERO);
        }
        let refused = kv.check("a", HOURLY).await?;
        assert!(!refused.allowed);
        assert_eq!(refused.remaining, 0);
        assert!(refused.retry_after > Duration::from_secs(600) && refused.retry_after <= Duration::from_secs(720));
        assert!(refused.reset_after <= Duration::from_secs(3600));
        assert!(kv.check("b", HOURLY).await?.allowed);
    }

    async fn a_refused_cost_takes_nothing(kv: Kv) {
        assert!(kv.check_cost("a", HOURLY, 3).await?.allowed);
        assert!(!kv.check_cost("a", HOURLY, 3).await?.allowed);
        assert!(kv.check_cost("a", HOURLY, 2).await?.allowed);
        for cost in [0, 6] {
            assert_eq!(kv.check_cost("a", HOURLY, cost).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
    }

    async fn racers_get_exactly_the_burst(kv: Kv) {
        let quota = Quota::new(20, Duration::from_secs(36_000));
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let kv = kv.clone();
            racers.spawn(async move { kv.check("a", quota).await });
        }
        let mut allowed = 0;
        while let Some(decision) = racers.join_next().await {
            allowed += u32::from(decision??.allowed);
        }
        assert_eq!(allowed, 20);
    }

    async fn what_was_used_comes_back(kv: Kv) {
        let quick = Quota::new(1, Duration::from_millis(50));
        assert!(kv.check("a", quick).await?.allowed);
        crate::until(|| async { Ok(kv.check("a", quick).await?.allowed) }).await?;
    }

    async fn bad_quotas_and_other_kinds_are_refused(kv: Kv) {
        kv.set("s", b"x", None).await?;
        for error in [
            kv.check("a", Quota::new(0, Duration::from_secs(1))).await.unwrap_err(),
            kv.check("a", Quota::new(1, Duration::ZERO)).await.unwrap_err(),
            kv.check("a", Quota::new(1, Duration::MAX)).await.unwrap_err(),
            kv.check("s", HOURLY).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
}

/// The same timeline, told by a clock that a test sets, has the same answers on both engines.
mod timeline {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use shelfmark_core::Clock;
    use shelfmark_kv::{Decision, KvConfig, KvTarget};

    use super::*;

    async fn answers(
        mut config: KvConfig,
        burst: u32,
        per_us: u64,
        steps: &[(u64, u32)],
    ) -> anyhow::Result<Vec<Decision>> {
        let clock = Clock::set_to("2026-01-01T00:00:00Z".parse().unwrap());
        config = config
            .with_clock(clock.clone())
            .with_timeout(Duration::from_secs(10))
            .with_prefix(format!("{:016x}:", fastrand::u64(..)));
        let kv = Kv::connect(config).await?;
        let quota = Quota::new(burst, Duration::from_micros(per_us));
        let mut answers = Vec::new();
        for (step, cost) in steps {
            answers.push(kv.check_cost("a", quota, (*cost).min(burst)).await?);
            clock.advance(Duration::from_micros(*step));
        }
        Ok(answers)
    }

    #[test]
    fn both_engines_give_the_same_answers() -> anyhow::Result<()> {
        let runtime = tokio::runtime::Runtime::new()?;
        let url = test_redis::shared_url()?;
        let timelines = (
            1_u32..30,
            1_u64..3_000_000_000,
            prop::collection::vec((0_u64..500_000_000, 1_u32..4), 1..60),
        );
        let mut runner = TestRunner::new(Config::with_cases(40));
        runner.run(&timelines, |(burst, per_us, steps)| {
            let (ours, theirs) = runtime.block_on(async {
                let ours = KvConfig::new(KvTarget::InProcess);
                let ours = answers(ours, burst, per_us, &steps).await.unwrap();
                let theirs = KvConfig::from_url(&url).unwrap();
                (ours, answers(theirs, burst, per_us, &steps).await.unwrap())
            });
            prop_assert_eq!(ours, theirs);
            Ok(())
        })?;
        Ok(())
    }
}
