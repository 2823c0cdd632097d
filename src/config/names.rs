//! Names of keys: the relaxed forms Spring takes, the names of environment variables, and the known name nearest to a wrong one.

use std::collections::BTreeMap;

/// The uniform form of one word: letters and digits in lower case. `maxHeartbeatInterval`, `max-heartbeat-interval` and
/// `MAX_HEARTBEAT_INTERVAL` are one word.
pub(crate) fn letters(word: &str) -> String {
    word.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The uniform form of a whole key. Dots separate the words; other characters do not count.
pub(crate) fn uniform(key: &str) -> String {
    key.split('.').map(letters).collect::<Vec<_>>().join(".")
}

/// The environment variables that set a key, the one that wins first. A dash is dropped (Spring's rule) or an underscore.
pub(crate) fn environment_names(key: &str) -> Vec<String> {
    let upper = key.to_uppercase().replace('.', "_");
    let mut names = vec![upper.replace('-', "")];
    if upper.contains('-') {
        names.push(upper.replace('-', "_"));
    }
    names
}

/// The known key that was probably meant.
pub(crate) fn nearest<'a>(key: &str, known: &BTreeMap<String, &'a str>) -> Option<&'a str> {
    let wanted = uniform(key);
    let most = (wanted.chars().count() / 4).clamp(1, 6);
    let same_end = known
        .iter()
        .filter(|(name, _)| last_word(name) == last_word(&wanted));
    known
        .iter()
        .map(|(name, shown)| (distance(&wanted, name), *shown))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, shown)| shown)
        .or_else(|| only(same_end.map(|(_, shown)| *shown)))
}

/// The one item, when there is exactly one: the right word below the wrong parent.
fn only<'a>(mut items: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

fn last_word(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other.
pub(crate) fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, one) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(one != other);
            let mut least = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *one == right[column - 1] && left[row - 1] == *other {
                least = least.min(before_last[column - 1] + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_names_are_one_name() {
        for key in [
            "master.max-heartbeat-interval",
            "master.maxHeartbeatInterval",
            "MASTER.MAX_HEARTBEAT_INTERVAL",
        ] {
            assert_eq!(uniform(key), "master.maxheartbeatinterval");
        }
    }

    #[test]
    fn a_key_has_both_environment_names() {
        assert_eq!(
            environment_names("master.max-heartbeat-interval"),
            ["MASTER_MAXHEARTBEATINTERVAL", "MASTER_MAX_HEARTBEAT_INTERVAL"]
        );
        assert_eq!(environment_names("server.port"), ["SERVER_PORT"]);
    }

    #[test]
    fn the_nearest_key_is_found() {
        let keys = [
            "master.listen-port",
            "master.max-heartbeat-interval",
            "worker.listen-port",
            "worker.group",
            "server.port",
        ];
        let known = keys.iter().map(|key| (uniform(key), *key)).collect();
        let cases = [
            ("master.lisen-port", Some("master.listen-port")),
            (
                "master.max-heatbeat-intervall",
                Some("master.max-heartbeat-interval"),
            ),
            ("wroker.group", Some("worker.group")),
            ("orca.worker.group", Some("worker.group")),
            ("something.else.entirely", None),
            ("", None),
        ];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, &known), expected, "{wrong}");
        }
    }

    #[test]
    fn a_swap_counts_once() {
        assert_eq!(distance("listen", "lisetn"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
