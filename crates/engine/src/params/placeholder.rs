//! `${name}` and `$[time]` inside a text (`ParameterUtils.convertParameterPlaceholders`).
//!
//! Guarantees: names are resolved inside out and values again until nothing is left; unknown names stay as they are; a
//! value that leads back to itself is an error, and so is an expansion beyond the limits.

use super::ParamError;
use super::builtin::SYSTEM_DATETIME;
use super::calendar::parse_date_time;
use super::expression::evaluate;
use super::limits::{PLACEHOLDER_DEPTH_MAX, REPLACEMENTS_MAX, RESOLVED_LEN_MAX};
use crate::model::Property;
use crate::time::Millis;
use crate::zone::Zone;
use std::collections::BTreeMap;

/// Resolve a text: `${name}` by the map (entries without a value count as unknown), then `$[expression]` with
/// `system.datetime` of the map as the base, else `now`. When that parameter is no date, `$[...]` is left alone.
pub fn substitute(
    text: &str,
    params: &BTreeMap<String, Property>,
    now: Millis,
    zone: &Zone,
) -> Result<String, ParamError> {
    let resolved = if params.is_empty() {
        text.to_owned()
    } else {
        Expansion {
            params,
            open: Vec::new(),
            replacements: 0,
        }
        .expand(text)?
    };
    let base = match params
        .get(SYSTEM_DATETIME)
        .and_then(|property| property.value.as_deref())
    {
        Some(date) => parse_date_time(date).and_then(|local| zone.instant(local)),
        None => Some(now),
    };
    Ok(match base {
        Some(base) => evaluate_all(&resolved, base, zone),
        None => resolved,
    })
}

struct Expansion<'a> {
    params: &'a BTreeMap<String, Property>,
    /// The placeholders being resolved, as they were written.
    open: Vec<String>,
    replacements: usize,
}

impl Expansion<'_> {
    fn expand(&mut self, text: &str) -> Result<String, ParamError> {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_placeholder(rest) {
            result.push_str(before);
            match self.value_of(name)? {
                Some(value) => result.push_str(&value),
                None => result.push_str(&rest[before.len()..rest.len() - after.len()]),
            }
            check_len(result.len())?;
            rest = after;
        }
        result.push_str(rest);
        check_len(result.len())?;
        Ok(result)
    }

    fn value_of(&mut self, written: &str) -> Result<Option<String>, ParamError> {
        self.enter(written)?;
        let name = self.expand(written)?;
        let params = self.params;
        let value = match params.get(&name).and_then(|property| property.value.as_deref()) {
            Some(value) => Some(self.expand(value)?),
            None => None,
        };
        self.open.pop();
        Ok(value)
    }

    fn enter(&mut self, written: &str) -> Result<(), ParamError> {
        if self.open.iter().any(|open| open == written) {
            return Err(ParamError::Circular {
                name: written.to_owned(),
            });
        }
        if self.open.len() >= PLACEHOLDER_DEPTH_MAX {
            return Err(ParamError::TooDeep {
                name: shortened(written),
                max: PLACEHOLDER_DEPTH_MAX,
            });
        }
        self.replacements += 1;
        if self.replacements > REPLACEMENTS_MAX {
            return Err(ParamError::TooManyReplacements {
                max: REPLACEMENTS_MAX,
            });
        }
        self.open.push(written.to_owned());
        Ok(())
    }
}

/// The text before the first placeholder, what stands in its braces, and the text after it. Braces inside are counted, so
/// that the closing one is the placeholder's own; a placeholder that is never closed ends the search.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("${")?;
    let inner = &text[start + 2..];
    let mut nested = 0_usize;
    for (index, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => nested += 1,
            b'}' if nested == 0 => return Some((&text[..start], &inner[..index], &inner[index + 1..])),
            b'}' => nested -= 1,
            _ => {}
        }
    }
    None
}

/// Replace every `$[expression]` that can be evaluated; an expression holds neither `$` nor `]`.
fn evaluate_all(text: &str, base: Millis, zone: &Zone) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("$[") {
        let (before, candidate) = rest.split_at(start);
        let inner = &candidate[2..];
        result.push_str(before);
        match inner
            .find(['$', ']'])
            .filter(|end| *end > 0 && inner[*end..].starts_with(']'))
        {
            Some(end) => {
                let expression = &inner[..end];
                match evaluate(expression, base, zone).filter(|value| value != expression) {
                    Some(value) => push_unescaped(&mut result, &value),
                    None => result.push_str(&candidate[..end + 3]),
                }
                rest = &inner[end + 1..];
            }
            None => {
                result.push_str("$[");
                rest = inner;
            }
        }
    }
    result.push_str(rest);
    result
}

/// A backslash in a result stands for the character after it: the reference pastes results as regex replacements.
fn push_unescaped(result: &mut String, value: &str) {
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        result.push(if letter == '\\' {
            letters.next().unwrap_or(letter)
        } else {
            letter
        });
    }
}

fn check_len(len: usize) -> Result<(), ParamError> {
    if len > RESOLVED_LEN_MAX {
        Err(ParamError::TooLong {
            max: RESOLVED_LEN_MAX,
        })
    } else {
        Ok(())
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
