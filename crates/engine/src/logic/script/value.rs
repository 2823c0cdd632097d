//! Values, and how JavaScript turns one into another.

use std::rc::Rc;

#[derive(Clone, Debug)]
pub(super) enum Value {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Rc<str>),
    List(Rc<Vec<Value>>),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Rc::from(text))
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::List(_) => true,
        }
    }

    pub(super) fn number(&self) -> f64 {
        match self {
            Self::Undefined => f64::NAN,
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(value) => *value,
            Self::Text(text) => number_of(text),
            Self::List(_) => number_of(&self.to_text()),
        }
    }

    /// How much there is to read in it.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(|item| item.size() + 1).sum(),
            Self::Undefined | Self::Null | Self::Bool(_) | Self::Number(_) => 1,
        }
    }

    /// As the signs of bits see it.
    pub(super) fn bits(&self) -> i32 {
        let number = self.number();
        if !number.is_finite() {
            return 0;
        }
        let wrapped = number.trunc().rem_euclid(4_294_967_296.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies in 0..2^32"
        )]
        let unsigned = wrapped as u32;
        unsigned.cast_signed()
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Undefined => "undefined".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => number_text(*value),
            Self::Text(text) => text.to_string(),
            Self::List(items) => joined(items, ","),
        }
    }

    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null | Self::List(_) => "object",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::Text(_) => "string",
        }
    }

    /// `===`
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined, Self::Undefined) | (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::List(one), Self::List(two)) => Rc::ptr_eq(one, two),
            _ => false,
        }
    }

    /// `==`
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Undefined | Self::Null, Self::Undefined | Self::Null) => true,
            (Self::Undefined | Self::Null, _) | (_, Self::Undefined | Self::Null) => false,
            (Self::List(_), Self::List(_)) => self.is_same(other),
            (Self::List(_), Self::Text(text)) | (Self::Text(text), Self::List(_)) => {
                let list = if matches!(self, Self::List(_)) {
                    self
                } else {
                    other
                };
                list.to_text() == **text
            }
            (Self::Text(one), Self::Text(two)) => one == two,
            _ => self.number() == other.number(),
        }
    }

    /// `<`; `None` where a side is no number.
    pub(super) fn is_less(&self, other: &Self) -> Option<bool> {
        let text = |value: &Self| match value {
            Self::Text(_) | Self::List(_) => Some(value.to_text()),
            _ => None,
        };
        if let (Some(one), Some(two)) = (text(self), text(other)) {
            return Some(one.encode_utf16().lt(two.encode_utf16()));
        }
        self.number()
            .partial_cmp(&other.number())
            .map(|order| order == std::cmp::Ordering::Less)
    }
}

pub(super) fn joined(items: &[Value], between: &str) -> String {
    let texts: Vec<String> = items
        .iter()
        .map(|item| match item {
            Value::Undefined | Value::Null => String::new(),
            other => other.to_text(),
        })
        .collect();
    texts.join(between)
}

pub(super) fn number_of(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        #[expect(clippy::cast_precision_loss, reason = "a JavaScript number has no more")]
        return u64::from_str_radix(digits, 16).map_or(f64::NAN, |value| value as f64);
    }
    match text.trim_start_matches(['+', '-']) {
        "Infinity" if text.starts_with('-') => f64::NEG_INFINITY,
        "Infinity" => f64::INFINITY,
        // Words that Rust reads as numbers and JavaScript does not.
        digits if digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

fn number_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}
