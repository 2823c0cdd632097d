//! The part of JavaScript (ES5) that conditions are written in: expressions, variables, `if` and `while`.
//!
//! Guarantees: the same text gives the same value; nothing outside the text can be reached; a text of any kind ends within the limits, an
//! endless loop too. Whatever is not in this part (functions, objects, regular expressions) is an error, and an error is "not matched".
//!
//! The text is evaluated as it is read: what a condition leaves out is read too, without being carried out, so that a mistake there is found.

mod limits;
mod methods;
#[cfg(test)]
mod tests;
mod token;
mod value;

use limits::{DEPTH_MAX, SIZE_READ_PER_STEP, STEPS_MAX};
use std::collections::BTreeMap;
use token::{Token, tokens};
use value::Value;

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    #[error("SyntaxError: {what} is not expected there")]
    Unexpected { what: String },
    #[error("ReferenceError: \"{name}\" is not defined")]
    Unknown { name: String },
    #[error("TypeError: {what}")]
    Type { what: String },
    #[error("{what} is not in the part of JavaScript that conditions may use")]
    NotSupported { what: String },
    #[error("the expression is too long")]
    TooLong,
    #[error("the expression is nested too deep")]
    TooDeep,
    #[error("the expression takes too many steps, an endless loop perhaps")]
    TooManySteps,
}

/// Whether the text evaluates to `true`, and to nothing that is merely taken for it.
pub fn is_true(source: &str) -> Result<bool, ScriptError> {
    let mut run = Run {
        tokens: tokens(source)?,
        at: 0,
        variables: BTreeMap::new(),
        steps: 0,
        depth: 0,
    };
    let mut last = Value::Undefined;
    while *run.peek() != Token::End {
        run.statement(true, &mut last)?;
    }
    Ok(matches!(last, Value::Bool(true)))
}

struct Run {
    tokens: Vec<Token>,
    at: usize,
    variables: BTreeMap<String, Value>,
    steps: u64,
    depth: u32,
}

type Evaluated = Result<Value, ScriptError>;

/// Words that begin what is not supported.
const FOREIGN: &[&str] = &[
    "function",
    "for",
    "do",
    "new",
    "return",
    "throw",
    "try",
    "switch",
    "delete",
    "void",
    "in",
    "instanceof",
    "this",
    "with",
    "let",
    "const",
    "class",
];

/// Signs between two values, by how tightly they bind.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!=", "===", "!=="],
    &["<", ">", "<=", ">="],
    &["<<", ">>", ">>>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl Run {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn step(&mut self, cost: usize) -> Result<(), ScriptError> {
        self.steps += cost as u64;
        if self.steps > STEPS_MAX {
            return Err(ScriptError::TooManySteps);
        }
        Ok(())
    }

    /// What it costs to read a value, in a fraction of what it costs to make one.
    fn look_at(&mut self, value: &Value) -> Result<(), ScriptError> {
        self.step(value.size() / SIZE_READ_PER_STEP)
    }

    fn next(&mut self) -> Result<Token, ScriptError> {
        self.step(1)?;
        let token = self.peek().clone();
        self.at += 1;
        Ok(token)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name == word)
    }

    fn take(&mut self, sign: &str) -> Result<bool, ScriptError> {
        let found = self.is_sign(sign);
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &str) -> Result<(), ScriptError> {
        if self.take(sign)? {
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn unexpected(&self) -> ScriptError {
        let what = match self.peek() {
            Token::Number(value) => value.to_string(),
            Token::Text(_) => "a text".to_owned(),
            Token::Name(name) if FOREIGN.contains(&name.as_str()) => {
                return ScriptError::NotSupported { what: name.clone() };
            }
            Token::Name(name) => name.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "the end".to_owned(),
        };
        ScriptError::Unexpected { what }
    }

    fn deeper<T>(
        &mut self,
        what: impl FnOnce(&mut Self) -> Result<T, ScriptError>,
    ) -> Result<T, ScriptError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ScriptError::TooDeep);
        }
        let done = what(self)?;
        self.depth -= 1;
        Ok(done)
    }

    /// `live`: carried out, and not only read.
    fn statement(&mut self, live: bool, last: &mut Value) -> Result<(), ScriptError> {
        self.deeper(|run| {
            if run.take(";")? {
                return Ok(());
            }
            if run.take("{")? {
                while !run.is_sign("}") {
                    run.statement(live, last)?;
                }
                return run.expect("}");
            }
            if run.is_word("if") {
                return run.condition(live, last);
            }
            if run.is_word("while") {
                return run.repetition(live, last);
            }
            if run.is_word("var") {
                run.next()?;
                run.declaration(live)?;
            } else {
                let value = run.sequence(live)?;
                if live {
                    *last = value;
                }
            }
            if !run.is_sign("}") && *run.peek() != Token::End {
                run.expect(";")?;
            }
            Ok(())
        })
    }

    fn condition(&mut self, live: bool, last: &mut Value) -> Result<(), ScriptError> {
        self.next()?;
        self.expect("(")?;
        let holds = self.sequence(live)?.is_true();
        self.expect(")")?;
        self.statement(live && holds, last)?;
        if self.is_word("else") {
            self.next()?;
            self.statement(live && !holds, last)?;
        }
        Ok(())
    }

    fn repetition(&mut self, live: bool, last: &mut Value) -> Result<(), ScriptError> {
        self.next()?;
        let start = self.at;
        loop {
            self.at = start;
            self.expect("(")?;
            let holds = self.sequence(live)?.is_true();
            self.expect(")")?;
            self.statement(live && holds, last)?;
            if !live || !holds {
                return Ok(());
            }
        }
    }

    fn declaration(&mut self, live: bool) -> Result<(), ScriptError> {
        loop {
            let name = self.name()?;
            let value = if self.take("=")? {
                self.expression(live)?
            } else {
                Value::Undefined
            };
            if live {
                self.variables.insert(name, value);
            }
            if !self.take(",")? {
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> Result<String, ScriptError> {
        match self.peek().clone() {
            Token::Name(name) if !FOREIGN.contains(&name.as_str()) => {
                self.next()?;
                Ok(name)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Expressions with commas between them: the last one counts.
    fn sequence(&mut self, live: bool) -> Evaluated {
        let mut value = self.expression(live)?;
        while self.take(",")? {
            value = self.expression(live)?;
        }
        Ok(value)
    }

    fn expression(&mut self, live: bool) -> Evaluated {
        self.deeper(|run| {
            if let Some((name, sign)) = run.assignment() {
                return run.assign(&name, sign, live);
            }
            let value = run.binary(0, live)?;
            if !run.take("?")? {
                return Ok(value);
            }
            let holds = value.is_true();
            let yes = run.expression(live && holds)?;
            run.expect(":")?;
            let no = run.expression(live && !holds)?;
            Ok(if holds { yes } else { no })
        })
    }

    /// The name and the sign, when the next is `name =` or the like.
    fn assignment(&self) -> Option<(String, &'static str)> {
        let (Token::Name(name), Token::Sign(sign)) = (self.peek(), self.tokens.get(self.at + 1)?) else {
            return None;
        };
        let is_assignment = matches!(*sign, "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "++" | "--");
        is_assignment.then(|| (name.clone(), *sign))
    }

    fn assign(&mut self, name: &str, sign: &str, live: bool) -> Evaluated {
        self.name()?;
        self.next()?;
        let value = match sign {
            "++" | "--" => Value::Number(1.0),
            _ => self.expression(live)?,
        };
        if !live {
            return Ok(Value::Undefined);
        }
        let (kept, answer) = match sign {
            "=" => (value.clone(), value),
            "++" | "--" => {
                let before = Value::Number(self.variable(name)?.number());
                (self.apply(&sign[..1], &before, &value)?, before)
            }
            _ => {
                let before = self.variable(name)?;
                let after = self.apply(&sign[..1], &before, &value)?;
                (after.clone(), after)
            }
        };
        self.variables.insert(name.to_owned(), kept);
        Ok(answer)
    }

    fn binary(&mut self, level: usize, live: bool) -> Evaluated {
        let Some(signs) = LEVELS.get(level) else {
            return self.unary(live);
        };
        let mut value = self.binary(level + 1, live)?;
        while let Some(sign) = self.sign_among(signs) {
            self.next()?;
            let wanted = match sign {
                "||" => !value.is_true(),
                "&&" => value.is_true(),
                _ => true,
            };
            let right = self.binary(level + 1, live && wanted)?;
            value = match sign {
                _ if !live => Value::Undefined,
                "||" | "&&" if wanted => right,
                "||" | "&&" => value,
                _ => self.apply(sign, &value, &right)?,
            };
        }
        Ok(value)
    }

    fn sign_among(&self, signs: &[&'static str]) -> Option<&'static str> {
        match self.peek() {
            Token::Sign(sign) => signs.iter().copied().find(|one| one == sign),
            _ => None,
        }
    }

    fn apply(&mut self, sign: &str, left: &Value, right: &Value) -> Evaluated {
        self.look_at(left)?;
        self.look_at(right)?;
        let is_text = |value: &Value| matches!(value, Value::Text(_) | Value::List(_));
        if sign == "+" && (is_text(left) || is_text(right)) {
            self.step(left.size() + right.size())?;
            let text = format!("{}{}", left.to_text(), right.to_text());
            return Ok(Value::text(&text));
        }
        let (one, two) = (left.number(), right.number());
        let shift = right.bits().cast_unsigned() & 31;
        Ok(match sign {
            "==" => Value::Bool(left.is_equal(right)),
            "!=" => Value::Bool(!left.is_equal(right)),
            "===" => Value::Bool(left.is_same(right)),
            "!==" => Value::Bool(!left.is_same(right)),
            "<" => Value::Bool(left.is_less(right) == Some(true)),
            ">" => Value::Bool(right.is_less(left) == Some(true)),
            "<=" => Value::Bool(right.is_less(left) == Some(false)),
            ">=" => Value::Bool(left.is_less(right) == Some(false)),
            "+" => Value::Number(one + two),
            "-" => Value::Number(one - two),
            "*" => Value::Number(one * two),
            "/" => Value::Number(one / two),
            "%" => Value::Number(one % two),
            "&" => Value::Number(f64::from(left.bits() & right.bits())),
            "|" => Value::Number(f64::from(left.bits() | right.bits())),
            "^" => Value::Number(f64::from(left.bits() ^ right.bits())),
            "<<" => Value::Number(f64::from(left.bits().wrapping_shl(shift))),
            ">>" => Value::Number(f64::from(left.bits() >> shift)),
            _ => Value::Number(f64::from(left.bits().cast_unsigned() >> shift)),
        })
    }

    fn unary(&mut self, live: bool) -> Evaluated {
        self.deeper(|run| {
            let sign = run.sign_among(&["!", "-", "+", "~"]);
            if let Some(sign) = sign {
                run.next()?;
                let value = run.unary(live)?;
                run.look_at(&value)?;
                return Ok(match sign {
                    "!" => Value::Bool(!value.is_true()),
                    "-" => Value::Number(-value.number()),
                    "+" => Value::Number(value.number()),
                    _ => Value::Number(f64::from(!value.bits())),
                });
            }
            if run.is_word("typeof") {
                run.next()?;
                // The one place where an unknown name is no mistake.
                if let Token::Name(name) = run.peek().clone()
                    && !run.is_defined(&name)
                {
                    run.next()?;
                    return Ok(Value::text("undefined"));
                }
                return Ok(Value::text(run.unary(live)?.type_name()));
            }
            run.postfix(live)
        })
    }

    fn postfix(&mut self, live: bool) -> Evaluated {
        let mut value = self.primary(live)?;
        loop {
            if self.take("[")? {
                let name = self.sequence(live)?;
                self.expect("]")?;
                if live {
                    self.look_at(&value)?;
                    self.look_at(&name)?;
                    value = methods::property(&value, &name)?;
                }
            } else if self.take(".")? {
                let name = self.member_name()?;
                value = if self.is_sign("(") {
                    let arguments = self.arguments(live)?;
                    self.call(live, &value, &name, &arguments)?
                } else if live {
                    self.look_at(&value)?;
                    methods::property(&value, &Value::text(&name))?
                } else {
                    Value::Undefined
                };
            } else {
                return Ok(value);
            }
        }
    }

    fn call(&mut self, live: bool, of: &Value, name: &str, arguments: &[Value]) -> Evaluated {
        if !live {
            return Ok(Value::Undefined);
        }
        self.step(of.size())?;
        self.pay(arguments)?;
        methods::method(of, name, arguments)
    }

    fn pay(&mut self, values: &[Value]) -> Result<(), ScriptError> {
        values.iter().try_for_each(|value| self.step(value.size()))
    }

    fn member_name(&mut self) -> Result<String, ScriptError> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            _ => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn arguments(&mut self, live: bool) -> Result<Vec<Value>, ScriptError> {
        self.expect("(")?;
        self.list(")", live)
    }

    fn list(&mut self, end: &str, live: bool) -> Result<Vec<Value>, ScriptError> {
        let mut items = Vec::new();
        while !self.take(end)? {
            items.push(self.expression(live)?);
            if !self.is_sign(end) {
                self.expect(",")?;
            }
        }
        Ok(items)
    }

    fn primary(&mut self, live: bool) -> Evaluated {
        match self.peek().clone() {
            Token::Number(value) => self.next().map(|_| Value::Number(value)),
            Token::Text(text) => self.next().map(|_| Value::text(&text)),
            Token::Sign("(") => {
                self.next()?;
                let value = self.sequence(live)?;
                self.expect(")")?;
                Ok(value)
            }
            Token::Sign("[") => {
                self.next()?;
                let items = self.list("]", live)?;
                // What can be nested can grow faster than it is paid for.
                if items.iter().any(|item| matches!(item, Value::List(_))) {
                    return Err(ScriptError::NotSupported {
                        what: "a list in a list".to_owned(),
                    });
                }
                self.pay(&items)?;
                Ok(Value::List(items.into()))
            }
            Token::Sign("/") => Err(ScriptError::NotSupported {
                what: "a regular expression".to_owned(),
            }),
            Token::Sign("{") => Err(ScriptError::NotSupported {
                what: "an object".to_owned(),
            }),
            Token::Name(name) => self.named(&name, live),
            Token::Sign(_) | Token::End => Err(self.unexpected()),
        }
    }

    fn named(&mut self, name: &str, live: bool) -> Evaluated {
        self.name()?;
        let mut function = name.to_owned();
        if name == "Math" && self.take(".")? {
            function = format!("Math.{}", self.member_name()?);
        }
        if self.is_sign("(") {
            let arguments = self.arguments(live)?;
            if !live {
                return Ok(Value::Undefined);
            }
            self.pay(&arguments)?;
            return methods::function(&function, &arguments).ok_or(ScriptError::Unknown { name: function });
        }
        if live {
            self.variable(name)
        } else {
            Ok(Value::Undefined)
        }
    }

    fn is_defined(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || matches!(name, "true" | "false" | "null" | "undefined" | "NaN" | "Infinity")
    }

    fn variable(&self, name: &str) -> Evaluated {
        Ok(match name {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            "undefined" => Value::Undefined,
            "NaN" => Value::Number(f64::NAN),
            "Infinity" => Value::Number(f64::INFINITY),
            _ => self
                .variables
                .get(name)
                .cloned()
                .ok_or_else(|| ScriptError::Unknown {
                    name: name.to_owned(),
                })?,
        })
    }
}
