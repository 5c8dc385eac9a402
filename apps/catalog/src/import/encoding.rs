//! Bytes of unknown encoding to UTF-8, one chunk at a time.
//!
//! Files of this kind have often been through a spreadsheet: some lines are UTF-8, some are
//! Windows-1252. Valid UTF-8 is kept as it is; whatever is not valid is read as Windows-1252, byte
//! for byte. A byte order mark is dropped, and one of UTF-16 switches to UTF-16. What comes out does
//! not depend on how the bytes were cut into chunks. It does not undo text that was decoded wrongly
//! before it was saved.

use std::io::{self, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes are asked of the source at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// A source of bytes, read as text.
///
/// The text is handed out as `String`, so that whoever works on it has the proof that it is UTF-8.
pub struct Decoded<R> {
    input: R,
    /// Bytes read and not decoded yet stand at the front, `held` of them: the beginning of a
    /// character whose end is in the next chunk.
    chunk: Vec<u8>,
    held: usize,
    mode: Mode,
    bytes_read: u64,
    replaced_chars: u64,
}

enum Mode {
    /// Nothing is decoded before it is known whether a byte order mark begins the file.
    Start,
    Utf8,
    Utf16(Box<Decoder>),
    Ended,
}

impl<R: Read> Decoded<R> {
    /// Reads `input` as text.
    pub fn new(input: R) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK_BYTES],
            held: 0,
            mode: Mode::Start,
            bytes_read: 0,
            replaced_chars: 0,
        }
    }

    /// Appends the next piece of text to `out`; `false` once the source has ended.
    ///
    /// A piece may be empty: the chunk may have held no more than the beginning of a character.
    ///
    /// # Errors
    ///
    /// Whatever the source reports, except an interruption, which is tried again.
    pub fn read_more(&mut self, out: &mut String) -> io::Result<bool> {
        if matches!(self.mode, Mode::Ended) {
            return Ok(false);
        }
        let got = self.fill()?;
        let at_end = got == 0;
        let have = self.held + got;
        if matches!(self.mode, Mode::Start) && (have >= 3 || at_end) {
            self.drop_mark(have);
        } else {
            self.held = have;
        }
        let kept = {
            let bytes = self.chunk.get(..self.held).unwrap_or_default();
            match &mut self.mode {
                Mode::Start => bytes.len(),
                Mode::Ended => 0,
                Mode::Utf8 => decode_utf8(bytes, at_end, out, &mut self.replaced_chars),
                Mode::Utf16(decoder) => {
                    decode_utf16(decoder, bytes, at_end, out, &mut self.replaced_chars);
                    0
                }
            }
        };
        self.chunk
            .copy_within(self.held.saturating_sub(kept)..self.held, 0);
        self.held = kept;
        if at_end {
            self.mode = Mode::Ended;
        }
        Ok(!at_end)
    }

    /// How many bytes have been taken from the source.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How many characters were not valid in the file's encoding and were read as Windows-1252 (or,
    /// in UTF-16, replaced by U+FFFD).
    #[must_use]
    pub fn replaced_chars(&self) -> u64 {
        self.replaced_chars
    }

    fn fill(&mut self) -> io::Result<usize> {
        let free = self.chunk.get_mut(self.held..).unwrap_or_default();
        loop {
            match self.input.read(free) {
                Ok(got) => {
                    self.bytes_read += got as u64;
                    return Ok(got);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Decides the encoding by the first bytes, of which there are `have`, and removes the mark.
    fn drop_mark(&mut self, have: usize) {
        let bytes = self.chunk.get(..have).unwrap_or_default();
        let (encoding, mark) = Encoding::for_bom(bytes).unwrap_or((encoding_rs::UTF_8, 0));
        self.mode = if encoding == UTF_16LE || encoding == UTF_16BE {
            Mode::Utf16(Box::new(encoding.new_decoder_without_bom_handling()))
        } else {
            Mode::Utf8
        };
        self.chunk.copy_within(mark..have, 0);
        self.held = have - mark;
    }
}

impl<R> std::fmt::Debug for Decoded<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoded")
            .field("bytes_read", &self.bytes_read)
            .field("replaced_chars", &self.replaced_chars)
            .finish_non_exhaustive()
    }
}

/// Decodes what can be decoded and returns how many bytes at the end must wait for the next chunk.
fn decode_utf8(mut bytes: &[u8], at_end: bool, out: &mut String, replaced: &mut u64) -> usize {
    loop {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => {
                out.push_str(text);
                return 0;
            }
            Err(error) => error,
        };
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        out.push_str(std::str::from_utf8(valid).unwrap_or_default());
        let invalid = match error.error_len() {
            Some(length) => length,
            None if at_end => rest.len(),
            None => return rest.len(),
        };
        let (invalid, after) = rest.split_at(invalid);
        out.push_str(&WINDOWS_1252.decode_without_bom_handling(invalid).0);
        *replaced += invalid.len() as u64;
        bytes = after;
    }
}

/// The decoder itself keeps the halves of a character between two calls.
fn decode_utf16(
    decoder: &mut Decoder,
    mut bytes: &[u8],
    at_end: bool,
    out: &mut String,
    replaced: &mut u64,
) {
    loop {
        // Three bytes of UTF-8 for each unit of two, and what the decoder may have kept before.
        out.reserve(bytes.len() * 2 + 16);
        let (result, read) = decoder.decode_to_string_without_replacement(bytes, out, at_end);
        bytes = bytes.get(read..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                out.push(char::REPLACEMENT_CHARACTER);
                *replaced += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hands out at most `step` bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (now, later) = self.0.split_at(self.1.min(self.0.len()).min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            self.0 = later;
            Ok(now.len())
        }
    }

    fn decode_by(bytes: &[u8], step: usize) -> (String, u64, u64) {
        let mut decoded = Decoded::new(Dribble(bytes, step));
        let mut text = String::new();
        while decoded.read_more(&mut text).unwrap() {}
        (text, decoded.replaced_chars(), decoded.bytes_read())
    }

    fn decode(bytes: &[u8]) -> (String, u64) {
        let (text, replaced, _) = decode_by(bytes, usize::MAX);
        (text, replaced)
    }

    #[test]
    fn valid_utf8_is_kept_as_it_is() {
        let text = "Amélie, 千と千尋, 🎬\n";
        assert_eq!(decode(text.as_bytes()), (text.to_owned(), 0));
    }

    #[test]
    fn lines_of_both_encodings_in_one_file_are_both_read() {
        let bytes = b"Am\xc3\xa9lie\nAm\xe9lie\n\x93quoted\x94 \x80 5\n";
        assert_eq!(
            decode(bytes),
            ("Amélie\nAmélie\n“quoted” € 5\n".to_owned(), 4)
        );
    }

    #[test]
    fn both_encodings_within_one_line_are_both_read() {
        assert_eq!(
            decode(b"\xc3\xa9,\xe9\xe8,\xc3\xa9"),
            ("é,éè,é".to_owned(), 2)
        );
    }

    #[test]
    fn a_character_cut_off_by_the_end_of_the_file_is_not_lost() {
        assert_eq!(decode(b"x\xe2\x82"), ("xâ‚".to_owned(), 2));
    }

    #[test]
    fn a_byte_order_mark_is_dropped_at_the_start_only() {
        assert_eq!(decode(b"\xef\xbb\xbfid"), ("id".to_owned(), 0));
        assert_eq!(
            decode("id\u{feff}".as_bytes()),
            ("id\u{feff}".to_owned(), 0)
        );
        assert_eq!(decode(b"\xef\xbb"), ("ï»".to_owned(), 2));
    }

    #[test]
    fn utf16_with_a_byte_order_mark_is_read_in_both_orders() {
        let text = "id,title\r\n1,Amélie 🎬\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for step in [1, 3, usize::MAX] {
            let marked = [b"\xff\xfe".as_slice(), &little].concat();
            assert_eq!(decode_by(&marked, step).0, text);
            let marked = [b"\xfe\xff".as_slice(), &big].concat();
            assert_eq!(decode_by(&marked, step).0, text);
        }
    }

    #[test]
    fn half_a_utf16_character_is_replaced_and_counted() {
        assert_eq!(
            decode(b"\xff\xfea\0\x00\xd8b\0c"),
            ("a\u{fffd}b\u{fffd}".to_owned(), 2)
        );
    }

    #[test]
    fn an_empty_file_is_empty_text() {
        assert_eq!(decode_by(b"", 1), (String::new(), 0, 0));
    }

    #[test]
    fn an_error_of_the_source_is_reported() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let error = Decoded::new(Broken)
            .read_more(&mut String::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "the disk is gone");
    }

    fn mixed_bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            proptest::collection::vec(0x80u8.., 0..6),
            Just(b"\xef\xbb\xbf".to_vec()),
            Just(b"\xff\xfe".to_vec()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn the_text_does_not_depend_on_the_chunks(bytes in mixed_bytes(), step in 1usize..9) {
            let whole = decode_by(&bytes, usize::MAX);
            prop_assert_eq!(&whole, &decode_by(&bytes, step));
            prop_assert_eq!(whole.2, bytes.len() as u64);
        }

        #[test]
        fn any_valid_text_survives(text in any::<String>()) {
            let expected = text.strip_prefix('\u{feff}').unwrap_or(&text);
            prop_assert_eq!(decode(text.as_bytes()), (expected.to_owned(), 0));
        }
    }
}
