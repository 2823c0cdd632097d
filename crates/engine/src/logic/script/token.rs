//! Text to tokens.

use super::ScriptError;
use super::limits::{SOURCE_LEN_MAX, TOKENS_MAX};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    /// A name or a word of the language.
    Name(String),
    Sign(&'static str),
    End,
}

/// Longest first, so that `===` is not read as `==` and `=`.
const SIGNS: &[&str] = &[
    ">>>", "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "++", "--", "+=", "-=", "*=", "/=",
    "%=", "(", ")", "[", "]", "{", "}", ".", ",", ";", ":", "?", "<", ">", "=", "!", "+", "-", "*", "/", "%",
    "&", "|", "^", "~",
];

pub(super) fn tokens(source: &str) -> Result<Vec<Token>, ScriptError> {
    if source.len() > SOURCE_LEN_MAX {
        return Err(ScriptError::TooLong);
    }
    let mut rest = source;
    let mut found = Vec::new();
    while let Some(after) = skip_blank(rest)? {
        let (token, after) = next(after)?;
        if found.len() >= TOKENS_MAX {
            return Err(ScriptError::TooLong);
        }
        found.push(token);
        rest = after;
    }
    found.push(Token::End);
    Ok(found)
}

/// What follows blanks and comments; nothing at the end.
fn skip_blank(text: &str) -> Result<Option<&str>, ScriptError> {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.split_once("*/");
            rest = end.ok_or_else(|| unexpected("a comment without an end"))?.1;
        } else {
            return Ok((!rest.is_empty()).then_some(rest));
        }
    }
}

fn next(text: &str) -> Result<(Token, &str), ScriptError> {
    let first = text.chars().next().unwrap_or_default();
    let second_is_digit = text[first.len_utf8()..].starts_with(|next: char| next.is_ascii_digit());
    if first.is_ascii_digit() || first == '.' && second_is_digit {
        return number(text);
    }
    if first == '"' || first == '\'' {
        return quoted(&text[1..], first);
    }
    if is_name_start(first) {
        let end = text.find(|letter: char| !is_name_start(letter) && !letter.is_ascii_digit());
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        return Ok((Token::Name(name.to_owned()), rest));
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
    let sign = sign.ok_or_else(|| unexpected(&first.to_string()))?;
    Ok((Token::Sign(sign), &text[sign.len()..]))
}

fn is_name_start(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_' || letter == '$'
}

fn number(text: &str) -> Result<(Token, &str), ScriptError> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let end = digits.find(|digit: char| !digit.is_ascii_hexdigit());
        let (digits, rest) = digits.split_at(end.unwrap_or(digits.len()));
        let value = u64::from_str_radix(digits, 16).map_err(|_| unexpected("0x"))?;
        #[expect(clippy::cast_precision_loss, reason = "a JavaScript number has no more")]
        return Ok((Token::Number(value as f64), rest));
    }
    let digits = |from: usize| {
        let end = text[from..].find(|digit: char| !digit.is_ascii_digit());
        end.map_or(text.len(), |end| from + end)
    };
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end = digits(end + 1);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    let (written, rest) = text.split_at(end);
    if rest.starts_with(is_name_start) {
        return Err(unexpected(&format!("a name right after the number {written}")));
    }
    let value = written.parse().map_err(|_| unexpected(written))?;
    Ok((Token::Number(value), rest))
}

fn quoted(text: &str, quote: char) -> Result<(Token, &str), ScriptError> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Ok((Token::Text(value), &text[at + 1..])),
            '\n' | '\r' => break,
            '\\' => match letters.next().map(|(_, letter)| letter) {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('b') => value.push('\u{8}'),
                Some('f') => value.push('\u{c}'),
                Some('v') => value.push('\u{b}'),
                Some('0') => value.push('\0'),
                Some('x') => value.push(escaped(&mut letters, 2)?),
                Some('u') => value.push(escaped(&mut letters, 4)?),
                Some('\n') => {}
                Some(other) => value.push(other),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(unexpected("a text without its closing quote"))
}

fn escaped(letters: &mut std::str::CharIndices<'_>, digits: usize) -> Result<char, ScriptError> {
    let mut code = 0;
    for _ in 0..digits {
        let digit = letters.next().and_then(|(_, letter)| letter.to_digit(16));
        code = code * 16 + digit.ok_or_else(|| unexpected("an escape with too few digits"))?;
    }
    // Half of a pair is no character of its own.
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn unexpected(what: &str) -> ScriptError {
    ScriptError::Unexpected {
        what: what.to_owned(),
    }
}
