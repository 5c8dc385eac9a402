//! A read on a lane: whether it may go there, and what is made of its answer.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::{Access, Call, Error, Result, RowSink};
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;

use crate::bind;
use crate::clock;
use crate::error::{self, Failure, Link};
use crate::lane::{Lane, Prompt};
use crate::pool::Pool;
use crate::queue::Answer;
use crate::run::{Rest, Rules, hand_over, pooled};
use crate::statement;
use crate::texts::{Control, Text};

/// So long a statement may take to be prepared on a lane before its caller goes to the pool.
const PREPARE_LIMIT: Duration = Duration::from_millis(50);

/// How a read on a lane ended.
enum Outcome {
    Answered(Result<()>),
    /// It has to run on the pool, as if it had not been here.
    Pool,
    /// It was here, and has to run on the pool in what is left of its time.
    Again(Rest),
}

/// Runs a reading statement on a lane where that is better, else on the pool, within `limit`.
pub(crate) async fn fetch(
    pool: &Arc<Pool>,
    call: &Call<'_>,
    sink: &mut dyn RowSink,
    limit: Duration,
) -> Result<()> {
    if call.access != Access::Read || !pool.lanes.are_on() {
        return pooled(pool, call, Some(sink), limit, Rules::POOLED, None)
            .await
            .map(drop);
    }
    let (_reading, is_busy) = pool.lanes.enter();
    // Where others wait for a connection, a lane is better than to be one of them.
    let outcome = if is_busy || pool.holders.waiting() > 0 {
        on_lane(pool, call, sink, limit).await
    } else {
        Outcome::Pool
    };
    let rest = match outcome {
        Outcome::Answered(answer) => return answer,
        Outcome::Pool => None,
        Outcome::Again(rest) => Some(rest),
    };
    pooled(pool, call, Some(sink), limit, Rules::POOLED, rest)
        .await
        .map(drop)
}

async fn on_lane(
    pool: &Arc<Pool>,
    call: &Call<'_>,
    sink: &mut dyn RowSink,
    limit: Duration,
) -> Outcome {
    let text = pool.texts.of(&call.sql);
    if !text.is_stateless {
        return Outcome::Pool;
    }
    let now = Instant::now();
    // Before the cost is looked at: what the network takes of it is measured when lanes are opened.
    let Some(lane) = pool.lanes.pick(pool, now) else {
        return Outcome::Pool;
    };
    if !text.cost.fits_a_lane() {
        return Outcome::Pool;
    }
    let deadline = now + limit.min(clock::FOREVER);
    let known = statement::known(lane.connection(), &text, &call.params);
    let prepared = match known {
        Some(prepared) => prepared,
        None => {
            // Others go to the pool meanwhile, rather than prepare it once more.
            let Some(turn) = lane.preparing(text.id) else {
                return Outcome::Pool;
            };
            let preparing = statement::prepared(
                lane.connection(),
                &text,
                &call.params,
                &call.specs,
                Control::Refused,
                false,
            );
            let Ok(answer) = timeout(PREPARE_LIMIT, preparing).await else {
                return Outcome::Pool;
            };
            turn.answered();
            match answer {
                Ok(prepared) => prepared,
                // The pool gives the error its words.
                Err(_) => return Outcome::Pool,
            }
        }
    };
    let (values, bytes) = match bind::encoded(call, prepared.statement.params()) {
        Ok(encoded) => encoded,
        Err(error) => return Outcome::Answered(Err(error)),
    };
    if !lane.queue().carries(bytes) {
        return Outcome::Pool;
    }
    let prompt = Prompt {
        text: Arc::clone(&text),
        prepared: Arc::clone(&prepared),
        values,
        bytes,
        deadline,
    };
    let Some(answer) = lane.ask(prompt, now) else {
        return Outcome::Pool;
    };
    let again = |was_lost| Outcome::Again(Rest { deadline, was_lost });
    match answer.await {
        Ok(Answer::Rows(rows)) => Outcome::Answered(hand_over(&prepared, &rows, sink)),
        Ok(Answer::Failed(error)) => match failed(error, &lane, &text) {
            Failed::Said(error) => Outcome::Answered(Err(error)),
            Failed::Lost => again(true),
            Failed::NotThere => again(false),
        },
        Ok(Answer::Elsewhere) => again(false),
        Ok(Answer::TooLate) => Outcome::Answered(Err(error::deadline(limit, true))),
        Err(_) => again(true),
    }
}

/// What the failure of a statement on a lane means.
enum Failed {
    /// It is the statement's own.
    Said(Error),
    /// It is the connection's.
    Lost,
    /// The server has not run it, and would on another connection.
    NotThere,
}

fn failed(error: tokio_postgres::Error, lane: &Lane, text: &Text) -> Failed {
    let connection = lane.connection();
    if error::is_stale(&error) {
        connection.statements().forget(text.id);
        connection.client().clear_type_cache();
        return Failed::NotThere;
    }
    if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        text.cost.refuse_for_good();
        return Failed::NotThere;
    }
    let failure = Failure::from_driver(error, true, connection);
    match failure.link {
        Link::Usable => Failed::Said(failure.error),
        Link::Lost => Failed::Lost,
    }
}
