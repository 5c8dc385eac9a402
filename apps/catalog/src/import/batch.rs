//! From rows to batches: what the reading thread hands over, bounded in rows and in bytes.

use std::io::Read;

use tokio::sync::mpsc;

use super::error::ReadError;
use super::reader::{Reject, Row, ShowReader};
use super::row::CleanShow;

/// Rows per transaction: enough that a commit's cost is small beside its rows', few enough that memory stays flat.
const BATCH_ROWS: usize = 1_000;
/// A batch that has reached this many bytes takes no more rows, so that rows of any size leave memory flat.
const BATCH_BYTES: usize = 1024 * 1024;

/// What the reading thread hands over: batches, then the last one or an error. A channel that ends without either means
/// that the thread is gone.
pub(super) type Handed = Result<Batch, ReadError>;

/// Rows in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) shows: Vec<CleanShow>,
    pub(super) rejects: Vec<Reject>,
    /// Bytes of the file read so far.
    pub(super) bytes: u64,
    pub(super) replaced_chars: u64,
    /// Whether the file ends with it.
    pub(super) is_last: bool,
    /// Bytes of text in it.
    weight: usize,
}

impl Batch {
    fn add(&mut self, row: Row) {
        match row {
            Row::Show(show) => {
                self.weight += show_bytes(&show);
                self.shows.push(show);
            }
            Row::Reject(reject) => {
                self.weight += reject.reason.len() + text_bytes(&reject.fields);
                self.rejects.push(reject);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.shows.len() + self.rejects.len() >= BATCH_ROWS || self.weight >= BATCH_BYTES
    }
}

fn show_bytes(show: &CleanShow) -> usize {
    let names = [&show.directors, &show.cast, &show.countries, &show.genres];
    let names: usize = names.into_iter().map(|names| text_bytes(names)).sum();
    let description = show.description.as_ref().map_or(0, String::len);
    size_of::<CleanShow>() + show.title.len() + description + names
}

/// Each text counts for its own place in memory too: many short ones take more than their letters.
fn text_bytes(texts: &[String]) -> usize {
    texts
        .iter()
        .map(|text| size_of::<String>() + text.len())
        .sum()
}

/// Reads the whole file, batch by batch, for as long as somebody takes them.
pub(super) fn read<R: Read>(mut reader: ShowReader<R>, send: &mpsc::Sender<Handed>) {
    loop {
        let mut batch = Batch::default();
        let mut failure = None;
        while !batch.is_full() {
            match reader.next() {
                Some(Ok(row)) => batch.add(row),
                Some(Err(error)) => {
                    failure = Some(error);
                    break;
                }
                None => {
                    batch.is_last = true;
                    break;
                }
            }
        }
        batch.bytes = reader.bytes_read();
        batch.replaced_chars = reader.replaced_chars();
        let is_last = batch.is_last;
        // Nobody takes it when the import ended before the file.
        if send.blocking_send(Ok(batch)).is_err() || is_last {
            return;
        }
        if let Some(error) = failure {
            let _ = send.blocking_send(Err(error));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;
    use crate::import::MAX_RECORD_BYTES;

    const HEADER: &str = "show_id,type,title,cast,release_year,description\n";

    /// A header, then rows that are made as they are read.
    struct Rows {
        ready: io::Cursor<Vec<u8>>,
        row: Vec<u8>,
        left: usize,
    }

    impl Read for Rows {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.ready.read(buffer)?;
            if count > 0 || self.left == 0 {
                return Ok(count);
            }
            self.left -= 1;
            self.ready = io::Cursor::new(self.row.clone());
            self.ready.read(buffer)
        }
    }

    /// The rows of each batch of a file of `count` times `row`, and the heaviest batch.
    fn batches(row: &str, count: usize) -> (Vec<usize>, usize) {
        let rows = Rows {
            ready: io::Cursor::new(HEADER.into()),
            row: row.into(),
            left: count,
        };
        let reader = ShowReader::from_reader("rows", rows).unwrap();
        let (send, mut receive) = mpsc::channel(2);
        std::thread::scope(|scope| {
            scope.spawn(move || read(reader, &send));
            let (mut sizes, mut heaviest) = (Vec::new(), 0);
            while let Some(batch) = receive.blocking_recv() {
                let batch = batch.unwrap();
                sizes.push(batch.shows.len() + batch.rejects.len());
                heaviest = heaviest.max(batch.weight);
            }
            (sizes, heaviest)
        })
    }

    #[test]
    fn small_rows_are_counted() {
        let (sizes, _) = batches("s1,Movie,A title,,1999,\n", 1_200);
        assert_eq!(sizes, [1_000, 200]);
    }

    #[test]
    fn rows_longer_than_can_be_read_do_not_pile_up() {
        let row = format!("s1,Movie,{}\n", "x".repeat(MAX_RECORD_BYTES + 10));
        let (sizes, heaviest) = batches(&row, 24);
        assert_eq!(sizes.iter().sum::<usize>(), 24);
        assert!(heaviest < BATCH_BYTES + BATCH_BYTES / 8, "{heaviest}");
    }

    #[test]
    fn rows_as_large_as_can_be_do_not_pile_up() {
        let cast = vec!["n".repeat(190); 3].join(",");
        for row in [
            format!("s1,Movie,t,\"{cast}\",1999,{}\n", "d".repeat(9_000)),
            format!("s1,Movie,,,1999,{}\n", "d".repeat(MAX_RECORD_BYTES - 100)),
            format!("s1,Movie,,,1999,{}\n", ",".repeat(20_000)),
        ] {
            let (sizes, heaviest) = batches(&row, 8);
            assert_eq!(sizes.iter().sum::<usize>(), 8);
            assert!(heaviest <= 2 * BATCH_BYTES, "{heaviest}");
        }
    }
}
