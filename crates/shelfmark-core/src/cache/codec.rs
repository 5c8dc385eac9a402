//! From a value of any type to what a cache keeps, and back.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::shape::Shape;
use crate::error::{Error, ErrorKind, Result};

/// A value in this process, whose type the one who asks for it knows.
pub type Stored = Arc<dyn Any + Send + Sync>;

/// What can be kept in a cache: an owned value that serde writes and reads, and whose [`Shape`] is known.
///
/// There is nothing to implement but `#[derive(Shape)]`; entities, rows and views have it.
pub trait Cacheable: Shape + Serialize + DeserializeOwned + Clone + Send + Sync + 'static {}

impl<T: Shape + Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Cacheable for T {}

/// How values of one type are written and read. The format is the cache's own matter.
pub struct Codec {
    write: fn(&Stored) -> Option<&dyn erased_serde::Serialize>,
    read: fn(&mut dyn erased_serde::Deserializer<'_>) -> Result<Stored, erased_serde::Error>,
}

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").finish_non_exhaustive()
    }
}

struct CodecOf<T>(PhantomData<T>);

impl<T: Cacheable> CodecOf<T> {
    const CODEC: Codec = Codec {
        write: |stored| {
            let value: Option<&T> = stored.downcast_ref();
            value.map(|value| value as &dyn erased_serde::Serialize)
        },
        read: |source| {
            let value: T = erased_serde::deserialize(source)?;
            Ok(Arc::new(value))
        },
    };
}

impl Codec {
    /// The codec of `T`.
    #[must_use]
    pub fn of<T: Cacheable>() -> &'static Codec {
        &CodecOf::<T>::CODEC
    }

    /// The value as serde sees it; `None` when it is of another type than the codec.
    #[must_use]
    pub fn write<'a>(&self, stored: &'a Stored) -> Option<&'a dyn erased_serde::Serialize> {
        (self.write)(stored)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// What the format or the type says of the bytes.
    pub fn read(
        &self,
        source: &mut dyn erased_serde::Deserializer<'_>,
    ) -> Result<Stored, erased_serde::Error> {
        (self.read)(source)
    }
}

/// The value that was stored as a `T`.
///
/// # Errors
/// `Other` when it is of another type, which no cache of ours does.
pub(super) fn typed<T: Cacheable>(stored: Stored) -> Result<T> {
    match stored.downcast::<T>() {
        // The only one who holds it need not copy it.
        Ok(value) => Ok(Arc::unwrap_or_clone(value)),
        Err(_) => Err(Error::new(ErrorKind::Other)
            .with_detail("the cache answered with a value of another type")),
    }
}
