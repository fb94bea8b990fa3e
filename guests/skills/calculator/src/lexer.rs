//! From characters to tokens, each with the place it was found at.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// The smallest piece with a meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Symbol {
    Number(f64),
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
    Power,
    Open,
    Close,
}

/// A symbol and where it begins, in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) symbol: Symbol,
    pub(crate) at: usize,
}

/// All tokens of an expression.
pub(crate) fn tokens(expression: &str) -> Result<Vec<Token>, String> {
    let mut cursor = Cursor {
        rest: expression.chars().peekable(),
        at: 1,
    };
    let mut tokens = Vec::new();
    while let Some(&next) = cursor.rest.peek() {
        let at = cursor.at;
        if next.is_whitespace() {
            cursor.step();
        } else if next.is_ascii_digit() || next == '.' {
            tokens.push(Token {
                symbol: Symbol::Number(cursor.number()?),
                at,
            });
        } else {
            cursor.step();
            let symbol = symbol(next).ok_or_else(|| {
                format!("there is no meaning for `{next}` at character {at}: only numbers, + - * / % ^ and parentheses")
            })?;
            tokens.push(Token { symbol, at });
        }
    }
    Ok(tokens)
}

/// People also write the signs of their school books.
fn symbol(character: char) -> Option<Symbol> {
    Some(match character {
        '+' => Symbol::Plus,
        '-' | '\u{2212}' => Symbol::Minus,
        '*' | '\u{d7}' | '\u{b7}' => Symbol::Times,
        '/' | '\u{f7}' => Symbol::Divide,
        '%' => Symbol::Remainder,
        '^' => Symbol::Power,
        '(' => Symbol::Open,
        ')' => Symbol::Close,
        _ => return None,
    })
}

struct Cursor<'a> {
    rest: Peekable<Chars<'a>>,
    at: usize,
}

impl Cursor<'_> {
    fn step(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.next()
    }

    /// Digits with at most one point, and an exponent if there is one.
    fn number(&mut self) -> Result<f64, String> {
        let at = self.at;
        let mut text = String::new();
        self.take_while(&mut text, |c| c.is_ascii_digit() || c == '.');
        if self.rest.peek().is_some_and(|c| matches!(c, 'e' | 'E')) {
            text.extend(self.step());
            if self.rest.peek().is_some_and(|c| matches!(c, '+' | '-')) {
                text.extend(self.step());
            }
            self.take_while(&mut text, |c| c.is_ascii_digit());
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(format!(
                "the number `{text}` at character {at} is too large"
            )),
            Err(_) => Err(format!("`{text}` at character {at} is no number")),
        }
    }

    fn take_while(&mut self, text: &mut String, accepts: impl Fn(char) -> bool) {
        while self.rest.peek().is_some_and(|c| accepts(*c)) {
            text.extend(self.step());
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Plus => out.write_str("+"),
            Self::Minus => out.write_str("-"),
            Self::Times => out.write_str("*"),
            Self::Divide => out.write_str("/"),
            Self::Remainder => out.write_str("%"),
            Self::Power => out.write_str("^"),
            Self::Open => out.write_str("("),
            Self::Close => out.write_str(")"),
        }
    }
}
