//! The integer expressions of time placeholders: `7*2`, `-(1+1)`, `60*24*(3)/24`.
//!
//! The grammar is the reference's, oddities included, because stored expressions rely on what it answers: a sign binds
//! weaker than any operator to its right (`-3+6` is -9); arithmetic wraps at 32 bits; a character that is neither digit nor
//! operator is a binary operator that yields 0; operands too many are ignored. `None` means not evaluable.

use super::limits::EXPRESSION_LEN_MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Number(i32),
    Open,
    Close,
    /// A sign in front of its operand.
    Plus,
    Minus,
    Operator(char),
}

/// The value of an expression.
pub(super) fn calculate(expression: &str) -> Option<i32> {
    if expression.len() > EXPRESSION_LEN_MAX {
        return None;
    }
    let mut operands: Vec<i32> = Vec::new();
    let mut pending: Vec<Token> = Vec::new();
    for token in tokens(expression.trim())? {
        match token {
            Token::Number(number) => operands.push(number),
            Token::Open | Token::Plus | Token::Minus => pending.push(token),
            Token::Close => loop {
                match pending.pop()? {
                    Token::Open => break,
                    other => apply(other, &mut operands)?,
                }
            },
            Token::Operator(operator) => {
                while let Some(top) = pending.last().copied().filter(|top| goes_first(*top, operator)) {
                    pending.pop();
                    apply(top, &mut operands)?;
                }
                pending.push(token);
            }
        }
    }
    while let Some(token) = pending.pop() {
        apply(token, &mut operands)?;
    }
    operands.pop()
}

/// A plus or minus is a sign at the beginning, after `(` and after an operator, but not after another sign. `N` and `P` are
/// the reference's inner letters for the two signs, and it takes them from outside as well.
fn tokens(expression: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut digits = String::new();
    for letter in expression.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
        } else {
            flush(&mut digits, &mut tokens)?;
            let is_sign = tokens
                .last()
                .is_none_or(|before| matches!(before, Token::Open | Token::Operator('+' | '-' | '*' | '/')));
            tokens.push(match letter {
                '(' => Token::Open,
                ')' => Token::Close,
                'P' => Token::Plus,
                'N' => Token::Minus,
                '+' if is_sign => Token::Plus,
                '-' if is_sign => Token::Minus,
                other => Token::Operator(other),
            });
        }
    }
    flush(&mut digits, &mut tokens)?;
    Some(tokens)
}

fn flush(digits: &mut String, tokens: &mut Vec<Token>) -> Option<()> {
    if !digits.is_empty() {
        tokens.push(Token::Number(digits.parse().ok()?));
        digits.clear();
    }
    Some(())
}

fn goes_first(top: Token, operator: char) -> bool {
    matches!(
        (top, operator),
        (Token::Operator('*' | '/'), '+' | '-' | '*' | '/') | (Token::Operator('+' | '-'), '+' | '-')
    )
}

fn apply(token: Token, operands: &mut Vec<i32>) -> Option<()> {
    let right = operands.pop()?;
    let result = match token {
        Token::Plus => right,
        Token::Minus => right.wrapping_neg(),
        other => {
            let left = operands.pop()?;
            match other {
                Token::Operator('+') => left.wrapping_add(right),
                Token::Operator('-') => left.wrapping_sub(right),
                Token::Operator('*') => left.wrapping_mul(right),
                Token::Operator('/') if right == 0 => return None,
                Token::Operator('/') => left.wrapping_div(right),
                _ => 0,
            }
        }
    };
    operands.push(result);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::calculate;

    #[test]
    fn evaluates_as_the_reference() {
        let table = [
            ("7*2", Some(14)),
            ("1+2*3-4/2", Some(5)),
            ("(1+2)*3", Some(9)),
            ("-1", Some(-1)),
            ("12*-1", Some(-12)),
            ("-(1+1)", Some(-2)),
            ("-3+6", Some(-9)),
            ("3-+6", Some(-3)),
            ("2--3", Some(5)),
            ("--3", None),
            ("60*24*(1)/24/60", Some(1)),
            (" 5 ", Some(5)),
            ("2147483647+1", Some(i32::MIN)),
            ("7a2", Some(0)),
            ("(1)(2)", Some(2)),
            ("2147483648", None),
            ("1/0", None),
            ("1+", None),
            ("1))", None),
            ("(1", None),
            ("1 + 2", None),
            ("", None),
            ("a", None),
        ];
        for (expression, value) in table {
            assert_eq!(calculate(expression), value, "{expression:?}");
        }
        assert_eq!(calculate(&"(".repeat(5_000)), None, "too long");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(expression in "[-+*/()0-9NPa ]{0,40}") {
            let _ = calculate(&expression);
        }

        #[test]
        fn sums_are_sums(a in 0..1_000_000_i32, b in 0..1_000_000_i32, c in 1..1_000_i32) {
            let expected = a.wrapping_add(b.wrapping_mul(c - 1));
            proptest::prop_assert_eq!(calculate(&format!("{a}+{b}*({c}-1)")), Some(expected));
        }
    }
}
