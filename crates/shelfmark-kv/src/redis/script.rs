//! The scripts: each is sent by its hash, and as a whole when the server does not know it (any more).

use std::sync::LazyLock;

/// A script, and the hash under which servers keep it.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            let text = include_str!(concat!("scripts/", $file));
            let hash = redis::Script::new(text).get_hash().to_owned();
            Script { text, hash }
        });)*
    };
}

scripts! {
    ACK = "ack.lua";
    ACQUIRE = "acquire.lua";
    ALL_FIELDS = "all_fields.lua";
    CACHE_CLAIM = "cache_claim.lua";
    CACHE_RELEASE = "cache_release.lua";
    CACHE_RENEW = "cache_renew.lua";
    CACHE_SET = "cache_set.lua";
    CACHE_STORE = "cache_store.lua";
    CACHE_TAG = "cache_tag.lua";
    CHECK = "check.lua";
    COMPARE_AND_DELETE = "compare_and_delete.lua";
    COMPARE_AND_SET = "compare_and_set.lua";
    EXTEND = "extend.lua";
    INCR_WITHIN = "incr_within.lua";
    LIST_RANGE = "list_range.lua";
    MEMBERS = "members.lua";
    RENEW = "renew.lua";
    RESET = "reset.lua";
    TAKE = "take.lua";
}
