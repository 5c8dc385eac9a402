//! What a server says of itself when it is asked: which database it has, whether it follows another server, and how far
//! its log has come.

use std::sync::Arc;
use std::time::Duration;

use shelfmark_core::{Error, ErrorKind, Position};
use tokio::time::timeout_at;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::clock;
use crate::error::{self, Failure, Link};
use crate::pool::Pool;

/// What is asked, of a primary and of a replica alike.
///
/// A primary says what it has written into its log, be it on the disk or not yet, since a commit may be answered before
/// it is there. Which log a replica follows is known at once to members of `pg_read_all_stats` (`pg_monitor` has it); to
/// others the newest checkpoint says it.
const QUESTION: &str = "\
SELECT s.system_identifier::text, d.oid::text, r.follows::text, \
  CASE WHEN r.follows THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text, \
  CASE WHEN r.follows THEN greatest(\
      (SELECT timeline_id FROM pg_control_checkpoint()), \
      (SELECT min_recovery_end_timeline FROM pg_control_recovery()), \
      (SELECT received_tli FROM pg_stat_wal_receiver))::text \
    ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END \
FROM pg_control_system() s, (SELECT pg_is_in_recovery() AS follows) r, pg_database d \
WHERE d.datname = current_database()";

/// The size of the log's pages, of what stands at the beginning of nearly each of them, and of what stands there in the
/// first page of a file of the log.
const PAGE: u64 = 8192;
const PAGE_HEADER: u64 = 24;
const FILE_HEADER: u64 = 40;

/// A database, the same on a primary and on its replicas, and on no other server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    cluster: u64,
    database: u32,
}

/// What a server has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) identity: Identity,
    /// Whether it follows another server, and so refuses writes.
    pub(crate) follows: bool,
    /// What a primary has written, or a replica has replayed.
    pub(crate) position: Position,
}

/// Asks the server; nothing when its answer says nothing.
pub(crate) async fn ask(client: &Client) -> Result<Option<Report>, tokio_postgres::Error> {
    let messages = client.simple_query(QUESTION).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(row.and_then(read))
}

/// How far the server of `pool` has come, with all that was answered before.
///
/// # Errors
/// `Unsupported` when it follows another server, which alone knows what was answered.
///
/// # Cancel safety
/// The connection is freed of the question.
pub(crate) async fn position(pool: &Arc<Pool>, limit: Duration) -> Result<Position, Error> {
    const HOLDER: &str = "Db::position";
    let deadline = clock::after(limit);
    let mut was_lost = false;
    loop {
        let lease = match was_lost {
            true => pool.acquire_proven(HOLDER).await?,
            false => pool.acquire(HOLDER).await?,
        };
        let running = lease.run();
        let connection = lease.connection();
        let asked = connection.drive(ask(connection.client()));
        let cause = match timeout_at(deadline, asked).await {
            Err(_) => return Err(error::deadline(limit, true)),
            Ok(Ok(report)) => {
                running.ended();
                return match report {
                    Some(report) if !report.follows => Ok(report.position),
                    _ => Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
                        "the server of {} follows another one, which alone knows what was written; let DATABASE_URL \
                         name the primary",
                        pool.connector.place()
                    ))),
                };
            }
            Ok(Err(cause)) => cause,
        };
        let failure = Failure::from_driver(cause, true, connection);
        match failure.link {
            Link::Usable => running.ended(),
            Link::Lost => lease.note_lost(),
        }
        if failure.link == Link::Usable || was_lost {
            return Err(failure.error);
        }
        was_lost = true;
    }
}

fn read(row: &SimpleQueryRow) -> Option<Report> {
    let follows = row.try_get(2).ok()?? == "true";
    let timeline = row.try_get(4).ok()??;
    let timeline = match follows {
        true => timeline.parse().ok()?,
        // The name of a file of the log begins with it.
        false => u32::from_str_radix(timeline, 16).ok()?,
    };
    Some(Report {
        identity: Identity {
            cluster: row.try_get(0).ok()??.parse().ok()?,
            database: row.try_get(1).ok()??.parse().ok()?,
        },
        follows,
        position: Position::new(timeline, bytes_of_log(row.try_get(3).ok()??)?),
    })
}

/// The server's `16/B374D848` as a number.
///
/// A primary that has filled a page, or has switched to a new file of the log, says where the next record would begin,
/// behind the header of the next page; a replica that has replayed it all says where the last one ended.
///
/// How long a file is is not known here, so what is in the middle of one is read the same way. No replica is believed
/// too much for that: no record is so short that it could have begun behind the shorter header and have ended there, so
/// who has not replayed it has not come to this page.
fn bytes_of_log(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let high = u64::from(u32::from_str_radix(high, 16).ok()?);
    let low = u64::from(u32::from_str_radix(low, 16).ok()?);
    let log = (high << 32) | low;
    match log % PAGE {
        header @ (PAGE_HEADER | FILE_HEADER) => Some(log - header),
        _ => Some(log),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A primary's, of a database that is always the same.
    pub(crate) fn report(timeline: u32, log: u64) -> Report {
        Report {
            identity: Identity {
                cluster: 7,
                database: 5,
            },
            follows: false,
            position: Position::new(timeline, log),
        }
    }

    #[test]
    fn a_position_in_the_log_is_read_as_bytes() {
        assert_eq!(bytes_of_log("0/3000AF8"), Some(0x300_0af8));
        assert_eq!(bytes_of_log("16/B374D848"), Some(0x16_b374_d848));
        for wrong in ["", "3000AF8", "0/", "/0", "0/G", "100000000/0"] {
            assert_eq!(bytes_of_log(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_full_page_ends_where_the_replica_says_it_does() {
        assert_eq!(bytes_of_log("0/3002018"), bytes_of_log("0/3002000"));
        for more in ["0/3002020", "0/3002030", "0/3004000"] {
            assert_ne!(bytes_of_log(more), bytes_of_log("0/3002000"), "{more}");
        }
    }

    #[test]
    fn a_new_file_of_the_log_begins_where_the_replica_says_that_the_last_one_ended() {
        assert_eq!(bytes_of_log("0/3000028"), bytes_of_log("0/3000000"));
        assert_eq!(bytes_of_log("1/28"), bytes_of_log("1/0"));
    }
}
