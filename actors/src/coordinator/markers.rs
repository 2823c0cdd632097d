//! Finish markers of failovers, which nobody needs after a week.

use crate::limits::MARKER_AGE_MAX;
use crate::term::Term;
use orca_engine::time::Millis;
use orca_registry::{Error, paths};

/// Removes markers that are older than [`MARKER_AGE_MAX`]. One that holds no time is left alone, as by Java masters.
pub(super) async fn remove_old(term: &Term) -> Result<usize, Error> {
    let mut removed = 0;
    for name in term.registry.children(paths::FAILOVER_FINISHED).await? {
        let path = format!("{}/{name}", paths::FAILOVER_FINISHED);
        let text = term.registry.get(&path).await?.unwrap_or_default();
        if is_old(&text, term.now()) {
            term.registry.delete(&path).await?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_old(text: &str, now: Millis) -> bool {
    let age_max = i64::try_from(MARKER_AGE_MAX.as_millis()).unwrap_or(i64::MAX);
    text.trim()
        .parse()
        .is_ok_and(|written: i64| now.since(Millis(written)) > age_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_of_more_than_a_week_ago_is_old() {
        let now = Millis(1_767_225_600_000);
        let day = 86_400_000;
        for (text, expected) in [
            ((now.0 - 8 * day).to_string(), true),
            ((now.0 - 6 * day).to_string(), false),
            ((now.0 + day).to_string(), false),
            (String::new(), false),
            ("soon".to_owned(), false),
        ] {
            assert_eq!(is_old(&text, now), expected, "{text:?}");
        }
    }
}
