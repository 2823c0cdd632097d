//! What somebody may have meant: the nearest of the known words.

use super::limits::NAMES_SHOWN_MAX;

/// `; did you mean "x"?` when one of `known` is near, else the list of what is known.
pub(super) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone, what: &str) -> String {
    if let Some(best) = nearest(word, known.clone()) {
        return format!("did you mean {best:?}?");
    }
    let names: Vec<_> = known.clone().take(NAMES_SHOWN_MAX).collect();
    let more = if known.count() > names.len() { ", ..." } else { "" };
    if names.is_empty() {
        format!("there are no {what}")
    } else {
        format!("{what} are {}{more}", names.join(", "))
    }
}

/// The known word with the fewest changed characters, if it is near enough to be meant.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = word.to_lowercase();
    // A third of the word may be wrong, two characters at least: `comand`, `retry_times`.
    let allowed = (word.chars().count() / 3).max(2);
    let scored = known.map(|name| (distance(&lowered, &name.to_lowercase()), name));
    scored
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(row[column + 1] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_changes() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("command", "command"), 0);
        assert_eq!(distance("comand", "command"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["command", "timeout"];
        assert_eq!(
            suggestion("comand", known.into_iter(), "keys"),
            "did you mean \"command\"?"
        );
        assert_eq!(
            suggestion("frobnicate", known.into_iter(), "keys"),
            "keys are command, timeout"
        );
    }
}
