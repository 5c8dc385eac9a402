//! What happens when the server is away, slow, full, restarted or failing over, and when callers go away.
//!
//! Faults and the tests that show what becomes of them. Those without a file are in this folder; `suite/` is the suite
//! that runs in process, on Redis and on a cluster, `cache/` that of the cache.
//!
//! | | fault | tests |
//! |---|---|---|
//! | F1 | the server stands still | `every_call_ends_by_its_deadline_while_the_server_stands_still`, `a_write_without_an_answer_in_time_is_of_unknown_outcome`, `a_lock_whose_server_stands_still_is_lost_when_its_time_is_over`, `a_server_that_stands_still_is_noticed_by_subscribers`, `a_machine_that_went_silent_is_given_up_and_another_connection_made`, `callers_of_a_server_that_stands_still_fill_no_memory` |
//! | F2 | it is down, and comes back | `a_store_comes_back_within_a_second_of_its_server_also_when_idle`, `the_first_call_after_an_idle_connection_was_closed_succeeds`, `without_a_server_nothing_is_sent_and_the_error_says_so`, `many_callers_of_a_server_that_is_away_make_no_storm`, `a_master_that_dies_is_replaced_and_calls_succeed_within_a_second_of_it` |
//! | F3 | connections are killed in a storm of counts | `no_count_is_done_twice_while_connections_are_killed` (100,000 counts, at least 100 kills) |
//! | F4 | a caller goes away between question and answer | `nobody_ever_gets_the_answer_of_a_caller_that_went_away`, `calls_dropped_at_any_poll_are_done_at_most_once`, `pops_dropped_at_any_poll_lose_nothing`, `takes_dropped_at_any_poll_come_again`, `locks_dropped_at_any_poll_are_free_again`, `a_slow_server_costs_deadlines_and_mixes_up_nothing` |
//! | F5 | there is no room | `a_full_server_refuses_writes_clearly_and_loses_nothing`, `a_full_process_refuses_what_does_not_fit_and_lets_only_cached_strings_go`, `a_take_without_room_leaves_the_item_in_its_list` |
//! | F6 | the server deletes keys to make room | `a_server_that_deletes_keys_to_make_room_is_warned_of`, `a_server_that_deletes_keys_to_make_room_gives_no_items_locks_and_limits` |
//! | F7 | it refuses | all of `refusals.rs`: READONLY, NOPERM, WRONGPASS, NOAUTH, BUSY, MISCONF, LOADING, CLUSTERDOWN; `what_the_server_refuses_has_a_class_and_shows_none_of_its_words` in `src/redis/error.rs`: every class |
//! | F8 | it crashes with acknowledged writes | `what_a_server_that_writes_always_has_acknowledged_outlives_its_crashes`; with any other persistence they may be lost, which the documentation of the crate says under "What differs" |
//! | F9 | many ask for what one computes | `of_ten_thousand_who_ask_for_a_key_one_computes` in `cache/`, `processes_share_values_and_evictions_on_one_server`, `near_its_end_one_of_two_processes_computes_it_again_and_the_others_are_given_the_old_one` |
//! | F10 | who computes panics, is dropped, is late or fails | `when_the_one_who_computes_ends_without_a_value_the_next_takes_over`, `the_next_takes_over_at_once`, `a_wait_ends_by_its_deadline_and_says_what_it_waited_for` in `cache/`, `a_process_that_is_gone_is_followed_within_its_lease` |
//! | F11 | a value is stored after its eviction | `a_million_racing_operations_show_nothing_stale`, all of `evictions.rs` in `cache/`, `lost_data_is_a_miss_and_what_was_computed_before_is_not_stored` |
//! | F12 | hot keys, huge values, keys with any bytes | `suite/`: `concurrent_counts_are_all_kept`, `the_longest_value_is_taken_and_a_longer_one_is_refused`, `the_longest_key_is_taken_and_a_longer_one_is_refused`, `a_key_is_any_text`, `a_value_is_any_bytes`, `prefixes_keep_stores_apart`, `a_prefix_is_no_pattern` |
//! | F13 | racing callers of a rate limit, clocks that are off | `a_million_racing_calls_are_allowed_as_often_as_an_oracle_says` (in process), `racing_processes_get_no_more_than_the_quota_by_the_servers_clock` (40,000 on Redis), `no_clock_of_a_process_reaches_the_server`, `suite/`: `both_engines_give_the_same_answers`, `src/gcra.rs`: `no_window_has_more_than_the_burst_and_what_came_back`. Without a server `check` is an error: whoever calls decides |
//! | F14 | slow subscribers, lost connections | `messages_keep_their_order_and_a_slow_reader_is_told_what_it_missed` in `suite/`, `a_lost_connection_is_told_and_messages_come_again_after_it`, `a_restart_is_told_and_new_subscribers_are_told_nothing_of_it`, `a_subscriber_that_the_server_gave_up_on_is_told_of_the_gap` |
//! | F15 | storms of NOTIFY | `a_hundred_evicting_statements_of_a_transaction_send_one_message` and the rest of `shelfmark/tests/cache/instances.rs` |
//! | F16 | a holder of a lock that stood still, and writes | `a_write_with_a_stale_token_is_refused_each_time` in `shelfmark/tests/fencing.rs` (10,000 times), `tokens_only_grow` in `suite/` |
//! | | certificates, slots that move | all of `encryption.rs`, `a_slot_that_moves_key_by_key_under_a_storm_loses_and_doubles_nothing` |

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod admission;
mod availability;
mod cache;
mod cancellation;
#[cfg(feature = "tls")]
mod encryption;
mod messages;
mod outcomes;
mod places;
mod proxy;
mod refresh;
mod refusals;
mod storms;
mod topology;

use std::time::{Duration, Instant};

use shelfmark_core::Result;
use shelfmark_kv::{Kv, KvConfig};

/// How much later than its deadline a call may end on a busy machine.
const SLACK: Duration = Duration::from_millis(400);

/// A store with the default deadlines.
async fn connect(url: &str) -> anyhow::Result<Kv> {
    Ok(Kv::connect(KvConfig::from_url(url)?).await?)
}

/// Calls until one succeeds, and answers how long that took.
async fn recovery<F: Future<Output = Result<T>>, T>(
    call: impl Fn() -> F,
) -> anyhow::Result<Duration> {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(_) => return Ok(began.elapsed()),
            Err(error) => {
                anyhow::ensure!(began.elapsed() < Duration::from_secs(20), "{error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}
