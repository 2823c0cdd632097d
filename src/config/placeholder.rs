//! Spring's `${NAME}` and `${NAME:default}`, nested as deep as the limit allows.

use crate::limits::PLACEHOLDER_DEPTH_MAX;

/// Why a text cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceholderError {
    #[error("the placeholder ${{{name}}} has no value: set {name}, or write ${{{name}:default}}")]
    Unknown { name: String },
    #[error("placeholders refer to each other without end, through ${{{name}}}")]
    Endless { name: String },
}

/// Replaces every placeholder. `look_up` answers the raw text of a key or environment variable, which may hold placeholders itself.
pub(crate) fn resolve(
    text: &str,
    look_up: &dyn Fn(&str) -> Option<String>,
) -> Result<String, PlaceholderError> {
    resolve_at(text, look_up, 0)
}

fn resolve_at(
    text: &str,
    look_up: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, PlaceholderError> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        resolved.push_str(&rest[..start]);
        let inside = &rest[start + 2..];
        // Without its closing brace it is no placeholder but text.
        let Some(end) = closing_brace(inside) else {
            resolved.push_str(&rest[start..]);
            return Ok(resolved);
        };
        resolved.push_str(&value_of(&inside[..end], look_up, depth)?);
        rest = &inside[end + 1..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn value_of(
    inside: &str,
    look_up: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> Result<String, PlaceholderError> {
    if depth >= PLACEHOLDER_DEPTH_MAX {
        return Err(PlaceholderError::Endless {
            name: inside.to_owned(),
        });
    }
    let (name, default) = split_default(inside);
    let name = resolve_at(name, look_up, depth + 1)?;
    match (look_up(name.trim()), default) {
        (Some(value), _) => resolve_at(&value, look_up, depth + 1),
        (None, Some(default)) => resolve_at(default, look_up, depth + 1),
        (None, None) => Err(PlaceholderError::Unknown { name }),
    }
}

/// Where the brace that belongs to the start of `text` is.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (index, letter) in text.char_indices() {
        match letter {
            '{' => open += 1,
            '}' if open == 0 => return Some(index),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The first colon that is not inside a nested placeholder.
fn split_default(inside: &str) -> (&str, Option<&str>) {
    let mut open = 0_usize;
    for (index, letter) in inside.char_indices() {
        match letter {
            '{' => open += 1,
            '}' => open = open.saturating_sub(1),
            ':' if open == 0 => return (&inside[..index], Some(&inside[index + 1..])),
            _ => {}
        }
    }
    (inside, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Option<String> {
        let value = match name {
            "A" => "1",
            "EMPTY" => "",
            "NAME" => "A",
            "VIA" => "<${A}>",
            "LOOP" => "${LOOP}",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn placeholders_are_resolved() {
        let cases = [
            ("plain", "plain"),
            ("${A}", "1"),
            ("x${A}y${A}z", "x1y1z"),
            ("${B:2}", "2"),
            ("${B:}", ""),
            ("${EMPTY:2}", ""),
            ("${B:${A}}", "1"),
            ("${B:${C:${D:deep}}}", "deep"),
            ("${${NAME}}", "1"),
            ("${VIA}", "<1>"),
            (
                "${B:jdbc:mysql://h:3306/ds?a={b}}",
                "jdbc:mysql://h:3306/ds?a={b}",
            ),
            ("${open", "${open"),
            ("$A {A} $", "$A {A} $"),
            ("é${A}ü", "é1ü"),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text, &look_up).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        assert_eq!(
            resolve("${B}", &look_up),
            Err(PlaceholderError::Unknown { name: "B".to_owned() })
        );
        assert_eq!(
            resolve("${LOOP}", &look_up),
            Err(PlaceholderError::Endless {
                name: "LOOP".to_owned()
            })
        );
        let deep = "${B:".repeat(100) + &"}".repeat(100);
        assert!(matches!(
            resolve(&deep, &look_up),
            Err(PlaceholderError::Endless { .. })
        ));
    }
}
