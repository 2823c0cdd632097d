//! What values can be asked for by a name: properties, methods, and the functions that are always there.

use super::ScriptError;
use super::value::{Value, joined, number_of};
use std::rc::Rc;

pub(super) fn property(of: &Value, name: &Value) -> Result<Value, ScriptError> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths are bounded by the limit of steps"
    )]
    let length = |len: usize| Value::Number(len as f64);
    let is_length = matches!(name, Value::Text(name) if **name == *"length");
    match of {
        Value::Undefined | Value::Null => Err(ScriptError::Type {
            what: format!("{} has no {}", of.to_text(), name.to_text()),
        }),
        Value::Text(text) if is_length => Ok(length(text.encode_utf16().count())),
        Value::List(items) if is_length => Ok(length(items.len())),
        Value::Text(text) => Ok(index(name)
            .and_then(|at| text.encode_utf16().nth(at))
            .map_or(Value::Undefined, |unit| {
                Value::text(&String::from_utf16_lossy(&[unit]))
            })),
        Value::List(items) => Ok(index(name)
            .and_then(|at| items.get(at).cloned())
            .unwrap_or(Value::Undefined)),
        Value::Bool(_) | Value::Number(_) => Ok(Value::Undefined),
    }
}

fn index(name: &Value) -> Option<usize> {
    name.to_text().parse().ok()
}

pub(super) fn method(of: &Value, name: &str, arguments: &[Value]) -> Result<Value, ScriptError> {
    let answer = match of {
        Value::Text(text) => text_method(text, name, arguments),
        Value::List(items) => list_method(items, name, arguments),
        Value::Bool(_) | Value::Number(_) if name == "toString" => Some(Value::text(&of.to_text())),
        Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) => None,
    };
    answer.ok_or_else(|| ScriptError::Type {
        what: format!("a {} has no method {name}", of.type_name()),
    })
}

fn text_method(text: &Rc<str>, name: &str, arguments: &[Value]) -> Option<Value> {
    let argument = |at: usize| {
        arguments
            .get(at)
            .map_or_else(|| "undefined".to_owned(), Value::to_text)
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    let cut = |from: usize, to: usize| Value::text(&String::from_utf16_lossy(&units[from.min(to)..to]));
    let len = units.len();
    Some(match name {
        "toString" | "valueOf" => Value::Text(text.clone()),
        "toLowerCase" => Value::text(&text.to_lowercase()),
        "toUpperCase" => Value::text(&text.to_uppercase()),
        "trim" => Value::text(text.trim()),
        "includes" | "contains" => Value::Bool(text.contains(&argument(0))),
        "startsWith" => Value::Bool(text.starts_with(&argument(0))),
        "endsWith" => Value::Bool(text.ends_with(&argument(0))),
        "indexOf" => place(text, text.find(&argument(0))),
        "lastIndexOf" => place(text, text.rfind(&argument(0))),
        "charAt" => {
            let at = clamped(arguments.first(), 0, len);
            cut(at, (at + 1).min(len))
        }
        "substring" => {
            let (from, to) = (
                clamped(arguments.first(), 0, len),
                clamped(arguments.get(1), len, len),
            );
            cut(from.min(to), from.max(to))
        }
        "slice" => cut(
            from_end(arguments.first(), 0, len),
            from_end(arguments.get(1), len, len),
        ),
        "substr" => {
            let from = from_end(arguments.first(), 0, len);
            cut(from, (from + clamped(arguments.get(1), len, len)).min(len))
        }
        "concat" => {
            let rest: String = arguments.iter().map(Value::to_text).collect();
            Value::text(&format!("{text}{rest}"))
        }
        "replace" => Value::text(&text.replacen(&argument(0), &argument(1), 1)),
        "split" => Value::List(Rc::new(match arguments.first() {
            None => vec![Value::Text(text.clone())],
            Some(between) if between.to_text().is_empty() => text
                .chars()
                .map(|letter| Value::text(letter.encode_utf8(&mut [0; 4])))
                .collect(),
            Some(between) => text.split(&between.to_text()).map(Value::text).collect(),
        })),
        _ => return None,
    })
}

fn list_method(items: &Rc<Vec<Value>>, name: &str, arguments: &[Value]) -> Option<Value> {
    let wanted = arguments.first().cloned().unwrap_or(Value::Undefined);
    let both_nan = |item: &Value| matches!((item, &wanted), (Value::Number(a), Value::Number(b)) if a.is_nan() && b.is_nan());
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths are bounded by the limit of steps"
    )]
    let at = |found: Option<usize>| Value::Number(found.map_or(-1.0, |at| at as f64));
    Some(match name {
        "includes" => Value::Bool(items.iter().any(|item| item.is_same(&wanted) || both_nan(item))),
        "indexOf" => at(items.iter().position(|item| item.is_same(&wanted))),
        "lastIndexOf" => at(items.iter().rposition(|item| item.is_same(&wanted))),
        "join" => {
            let between = arguments.first().map_or_else(|| ",".to_owned(), Value::to_text);
            Value::text(&joined(items, &between))
        }
        "toString" => Value::text(&joined(items, ",")),
        _ => return None,
    })
}

/// A place in bytes as a place in UTF-16 units, which JavaScript counts in; -1 for none.
fn place(text: &str, at: Option<usize>) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "lengths are bounded by the limit of steps"
    )]
    let units = at.map(|at| text[..at].encode_utf16().count() as f64);
    Value::Number(units.unwrap_or(-1.0))
}

fn clamped(argument: Option<&Value>, without: usize, len: usize) -> usize {
    match argument {
        None | Some(Value::Undefined) => without,
        Some(value) => bounded(value.number(), len),
    }
}

/// As [`clamped`]; a negative number counts from the end.
fn from_end(argument: Option<&Value>, without: usize, len: usize) -> usize {
    match argument {
        None | Some(Value::Undefined) => without,
        Some(value) if value.number() < 0.0 => len - bounded(-value.number(), len),
        Some(value) => bounded(value.number(), len),
    }
}

fn bounded(number: f64, len: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates, and NaN becomes 0"
    )]
    let number = number as usize;
    number.min(len)
}

/// `parseInt(...)`, `Math.max(...)`.
pub(super) fn function(name: &str, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first().cloned().unwrap_or(Value::Undefined);
    let number = first.number();
    Some(match name {
        "Number" => Value::Number(if arguments.is_empty() { 0.0 } else { number }),
        "String" if arguments.is_empty() => Value::text(""),
        "String" => Value::text(&first.to_text()),
        "Boolean" => Value::Bool(first.is_true()),
        "isNaN" => Value::Bool(number.is_nan()),
        "isFinite" => Value::Bool(number.is_finite()),
        "parseFloat" => Value::Number(leading_number(&first.to_text(), true)),
        "parseInt" => Value::Number(leading_number(&first.to_text(), false)),
        "Math.abs" => Value::Number(number.abs()),
        "Math.floor" => Value::Number(number.floor()),
        "Math.ceil" => Value::Number(number.ceil()),
        "Math.round" => Value::Number((number + 0.5).floor()),
        "Math.pow" => Value::Number(number.powf(arguments.get(1).map_or(f64::NAN, Value::number))),
        "Math.max" => extreme(arguments, f64::NEG_INFINITY, f64::max),
        "Math.min" => extreme(arguments, f64::INFINITY, f64::min),
        _ => return None,
    })
}

fn extreme(arguments: &[Value], start: f64, pick: fn(f64, f64) -> f64) -> Value {
    let numbers = arguments.iter().map(Value::number);
    Value::Number(numbers.fold(start, |best, one| {
        if best.is_nan() || one.is_nan() {
            f64::NAN
        } else {
            pick(best, one)
        }
    }))
}

/// The number a text begins with, whatever follows.
fn leading_number(text: &str, with_fraction: bool) -> f64 {
    let text = text.trim_start();
    let signed = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !with_fraction && signed.to_ascii_lowercase().starts_with("0x") {
        return number_of(text);
    }
    let mut seen_point = !with_fraction;
    let end = signed.find(|letter: char| {
        let is_point = letter == '.' && !seen_point;
        seen_point |= is_point;
        !letter.is_ascii_digit() && !is_point
    });
    let digits = &signed[..end.unwrap_or(signed.len())];
    let value = digits.parse().unwrap_or(f64::NAN);
    if text.starts_with('-') { -value } else { value }
}
