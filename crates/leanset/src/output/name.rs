//! Names of what stands beside outputs for a while. A later run knows by the name alone that something is ours.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;

use super::hash::sha256_of;

/// What all names of ours beside outputs begin with.
pub(super) const PREFIX: &str = ".leanset-";
/// What is not written to its end.
pub(super) const UNFINISHED: &str = "unfinished";
/// What stood where something else takes its place.
pub(super) const REPLACED: &str = "replaced";

/// What tells this start of the system from others: a lock that is free belongs to no living process only in this one.
static START: LazyLock<String> = LazyLock::new(|| {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    short(&sha256_of(id.as_bytes()))
});

fn short(hash: &str) -> String {
    hash[..8].to_owned()
}

/// The part of a name that no one types by chance.
fn check(random: &str, start: &str) -> String {
    short(&sha256_of(format!("leanset temporary {random} {start}").as_bytes()))
}

/// A new name, which nothing has yet.
pub(super) fn new_name(kind: &str) -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let random = format!("{:016x}", hasher.finish());
    format!("{PREFIX}{random}-{}-{}.{kind}", *START, check(&random, &START))
}

/// Whether a name is one of [`new_name`], of this kind; and if so, whether of this start of the system.
pub(super) fn is_ours(name: &str, kind: &str) -> Option<bool> {
    let rest = name.strip_prefix(PREFIX)?.strip_suffix(kind)?.strip_suffix('.')?;
    let mut parts = rest.split('-');
    let (random, start, sum) = (parts.next()?, parts.next()?, parts.next()?);
    (parts.next().is_none() && sum == check(random, start)).then(|| start == *START)
}

/// A name for a folder of temporary files below a prefix, with the same parts.
pub(super) fn work_name(prefix: &str) -> String {
    let name = new_name(UNFINISHED);
    let middle = name.strip_prefix(PREFIX).and_then(|rest| rest.split('.').next());
    format!("{prefix}{}", middle.unwrap_or_default())
}

#[cfg(test)]
pub(super) fn of_another_start() -> String {
    format!("{PREFIX}00-11223344-{}.{UNFINISHED}", check("00", "11223344"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_again_and_no_other_names() {
        let name = new_name(UNFINISHED);
        assert_eq!(is_ours(&name, UNFINISHED), Some(true));
        assert_ne!(name, new_name(UNFINISHED));
        assert_eq!(is_ours(&of_another_start(), UNFINISHED), Some(false));
        for name in [
            ".leanset-abc123.unfinished".to_owned(),
            ".leanset-a-b-c.unfinished".to_owned(),
            name.replace("unfinished", "replaced"),
            name.replacen('-', "-0", 2),
            format!("x{name}"),
        ] {
            assert_eq!(is_ours(&name, UNFINISHED), None, "{name}");
        }
    }
}
