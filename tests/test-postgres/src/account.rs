//! The account that PostgreSQL runs under: our own, or an unprivileged one when we are root.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

/// Whom the server's processes run as, and whom its files belong to.
///
/// PostgreSQL refuses to run as root, which is what tests in containers run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process.
    Own,
    /// Another one; only root may use it.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Our own account, or `postgres`, else `nobody`, when we are root.
    pub(crate) fn unprivileged() -> anyhow::Result<Account> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account::Own);
        }
        let accounts = fs::read_to_string("/etc/passwd").context(
            "can't read /etc/passwd, to find an account for PostgreSQL, which refuses root",
        )?;
        ["postgres", "nobody"].into_iter().find_map(|name| find(&accounts, name)).context(
            "PostgreSQL refuses to run as root, and /etc/passwd has neither an account `postgres` nor \
             `nobody`; add one, or run the tests as another user",
        )
    }

    /// Makes `command` run under this account.
    pub(crate) fn apply(self, command: &mut Command) {
        if let Account::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Hands a file or a folder over to this account.
    pub(crate) fn give(self, path: &Path) -> anyhow::Result<()> {
        if let Account::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("can't hand {} to uid {uid}", path.display()))?;
        }
        Ok(())
    }
}

/// The line of `name` in the text of `/etc/passwd`: `name:password:uid:gid:…`.
fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account::Other { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/bash\n\
        postgres2:x:7:7::/:/bin/sh\n\
        postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn account_is_found_by_its_whole_name() {
        assert_eq!(
            find(ACCOUNTS, "postgres"),
            Some(Account::Other { uid: 101, gid: 104 })
        );
        assert_eq!(find(ACCOUNTS, "post"), None);
    }

    #[test]
    fn account_with_the_rights_of_root_is_no_account() {
        assert_eq!(find(ACCOUNTS, "root"), None);
    }
}
