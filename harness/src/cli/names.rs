//! Names that do not exist, and the nearest that do.

/// What to say to `typed`, which is none of `known`. `all` is the command that lists them.
pub(super) fn unknown(what: &str, typed: &str, known: &[&str], all: &str) -> String {
    let guess =
        nearest(typed, known).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    format!("there is no {what} {typed:?}{guess} ({all:?} shows all)")
}

/// The name with the fewest slips of the finger between; of several, the first. None if every name is mostly different.
fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    // A few letters of a long name are a better hint than their number of missing letters suggests.
    let begun = known.iter().filter(|name| typed.len() >= 3 && name.starts_with(&typed));
    let begun = begun.min_by_key(|name| name.len());
    let slips = |name: &&&str| strsim::damerau_levenshtein(&typed, name);
    let near = known.iter().min_by_key(slips);
    begun.or(near.filter(|name| slips(name) * 2 <= name.len().max(typed.len()))).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let bugs = ["local-leader-read", "follower-local-read", "ack-on-append"];
        assert_eq!(nearest("local-leader-reda", &bugs), Some("local-leader-read"));
        assert_eq!(nearest("Ack-On-Apend", &bugs), Some("ack-on-append"));
        assert_eq!(nearest("foll", &bugs), Some("follower-local-read"));
        assert_eq!(nearest("kil", &["kill-random", "kill"]), Some("kill"));
        assert_eq!(nearest("foo", &bugs), None, "no guess is better than a silly one");
        assert_eq!(nearest("x", &[]), None);
        assert_eq!(
            unknown("bug", "ack", &bugs, "rashomon list bugs"),
            "there is no bug \"ack\"; did you mean \"ack-on-append\"? (\"rashomon list bugs\" shows all)"
        );
    }
}
