use std::time::Duration;

use shelfmark_core::ErrorKind;
use shelfmark_kv::{Counters, Keys, Kv, OutcomeUnknown, Strings, TimeLeft};

use crate::{on_every_engine, until};

const HOUR: Duration = Duration::from_secs(3600);

on_every_engine! {
    async fn a_counter_begins_at_zero_and_goes_both_ways(kv: Kv) {
        assert_eq!(kv.count("a").await?, 0);
        assert_eq!(kv.incr("a", 1).await?, 1);
        assert_eq!(kv.incr("a", 41).await?, 42);
        assert_eq!(kv.incr("a", -50).await?, -8);
        assert_eq!(kv.incr("a", 0).await?, -8);
        assert_eq!(kv.count("a").await?, -8);
    }

    async fn concurrent_counts_are_all_kept(kv: Kv) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let kv = kv.clone();
            tasks.spawn(async move {
                for _ in 0..50 {
                    kv.incr("a", 1).await?;
                    kv.incr_within("b", 2, HOUR).await?;
                }
                Ok::<_, shelfmark_core::Error>(())
            });
        }
        while let Some(result) = tasks.join_next().await {
            result??;
        }
        assert_eq!(kv.count("a").await?, 800);
        assert_eq!(kv.count("b").await?, 1600);
    }

    async fn a_count_that_would_overflow_is_an_error_and_changes_nothing(kv: Kv) {
        for (start, by) in [(i64::MAX, 1), (i64::MIN, -1), (1, i64::MAX), (-2, i64::MIN)] {
            kv.reset("a").await?;
            assert_eq!(kv.incr("a", start).await?, start);
            for error in [
                kv.incr("a", by).await.unwrap_err(),
                kv.incr_within("a", by, HOUR).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(error.to_string().contains("range"), "{error}");
                assert!(!OutcomeUnknown::is_cause_of(&error));
            }
            assert_eq!(kv.count("a").await?, start);
            assert_eq!(kv.time_left("a").await?, TimeLeft::Endless);
        }
    }

    async fn big_counts_are_exact(kv: Kv) {
        let big = (1_i64 << 53) + 1;
        assert_eq!(kv.incr_within("a", big, HOUR).await?, big);
        assert_eq!(kv.incr_within("a", 2, HOUR).await?, big + 2);
        assert_eq!(kv.reset("a").await?, big + 2);
    }

    async fn a_counter_ends_when_the_first_call_said(kv: Kv) {
        let short = Duration::from_millis(200);
        assert_eq!(kv.incr_within("a", 1, short).await?, 1);
        assert_eq!(kv.incr_within("a", 1, HOUR).await?, 2);
        assert_eq!(kv.incr("a", 1).await?, 3);
        let TimeLeft::For(left) = kv.time_left("a").await? else { anyhow::bail!("it has no end") };
        assert!(left <= short);
        until(|| async { Ok(kv.count("a").await? == 0) }).await?;
        assert_eq!(kv.incr_within("a", 1, HOUR).await?, 1);
        kv.incr("endless", 1).await?;
        kv.incr_within("endless", 1, HOUR).await?;
        assert_eq!(kv.time_left("endless").await?, TimeLeft::Endless);
    }

    async fn reset_answers_the_last_count_once(kv: Kv) {
        kv.incr("a", 7).await?;
        assert_eq!(kv.reset("a").await?, 7);
        assert_eq!(kv.reset("a").await?, 0);
        assert!(!kv.exists("a").await?);
    }

    async fn a_counter_is_a_string_with_its_decimal(kv: Kv) {
        kv.incr("a", -12).await?;
        assert_eq!(kv.get("a").await?.as_deref(), Some(&b"-12"[..]));
        kv.set("b", b"41", None).await?;
        assert_eq!(kv.incr("b", 1).await?, 42);
    }

    async fn what_is_no_number_is_not_counted(kv: Kv) {
        for value in ["", "x", "1.5", "+1", " 1", "01", "-0", "9223372036854775808"] {
            kv.set("a", value.as_bytes(), None).await?;
            for error in [
                kv.incr("a", 1).await.unwrap_err(),
                kv.incr_within("a", 1, HOUR).await.unwrap_err(),
                kv.count("a").await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{value}: {error}");
            }
            assert_eq!(kv.get("a").await?.as_deref(), Some(value.as_bytes()));
        }
        kv.set("a", b"x", None).await?;
        assert_eq!(kv.reset("a").await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(kv.exists("a").await?);
    }
}
