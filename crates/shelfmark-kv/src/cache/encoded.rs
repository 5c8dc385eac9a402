//! What a value is as bytes: MessagePack with the names of fields, so that all that serde can say survives. In process
//! only the number of bytes is asked for.

mod none;

use std::io;

use bytes::Bytes;
use serde::Serialize;
use shelfmark_core::cache::{Codec, Stored};

pub(super) use none::is_none;

/// How many bytes the value would have, or `None` where serde cannot write it. Counting stops beyond `most`.
pub(super) fn length<T: Serialize + ?Sized>(value: &T, most: usize) -> Option<usize> {
    let mut counted = Counted { bytes: 0, most };
    let mut writer = rmp_serde::Serializer::new(&mut counted).with_struct_map();
    match value.serialize(&mut writer) {
        Ok(()) => Some(counted.bytes),
        Err(_) if counted.bytes > most => Some(counted.bytes),
        Err(_) => None,
    }
}

/// The bytes of the value, or `None` where serde cannot write it.
pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok()
}

/// The value of the bytes, or `None` where they are not one of the codec's type.
pub(super) fn read(codec: &Codec, bytes: &Bytes) -> Option<Stored> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(&**bytes);
    let mut reader = <dyn erased_serde::Deserializer<'_>>::erase(&mut reader);
    codec.read(&mut reader).ok()
}

struct Counted {
    bytes: usize,
    most: usize,
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > self.most {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_counted_is_what_is_written_and_read() {
        let value = vec![("é".to_owned(), Some(1.5_f64)), (String::new(), None)];
        let bytes = write(&value).unwrap();
        assert_eq!(length(&value, 100), Some(bytes.len()));
        let codec = Codec::of::<Vec<(String, Option<f64>)>>();
        let stored: Stored = Arc::new(value.clone());
        assert_eq!(write(codec.write(&stored).unwrap()).unwrap(), bytes);
        let read = read(codec, &Bytes::from(bytes)).unwrap();
        assert_eq!(
            *read.downcast::<Vec<(String, Option<f64>)>>().unwrap(),
            value
        );
    }

    #[test]
    fn counting_stops_at_the_bound_and_no_bytes_are_no_value() {
        let counted = length(&vec![0_u8; 1 << 20], 1000).unwrap();
        assert!(counted > 1000 && counted < 2000, "{counted}");
        assert!(read(Codec::of::<String>(), &Bytes::from_static(b"\xc1")).is_none());
    }
}
