//! Tables of which not every statement may see every row, announced at link time for `verify`.

/// A table whose rows are deleted softly or belong to tenants. Generated statements keep to that by themselves; `verify`
/// looks whether those written by hand do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarded {
    /// The table, with its schema where the entity names one.
    pub table: &'static str,
    /// The column of `#[deleted_at]`.
    pub deleted_at: Option<&'static str>,
    /// The column of `#[tenant]`.
    pub tenant: Option<&'static str>,
}

/// Every such table of the program, gathered at link time.
#[linkme::distributed_slice]
pub static GUARDED: [Guarded];
