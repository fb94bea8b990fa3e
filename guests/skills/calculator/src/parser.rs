//! From tokens to a value, by recursive descent:
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = signed { ("*" | "/" | "%") signed }
//! signed  = ("+" | "-") signed | power
//! power   = atom [ "^" signed ]
//! atom    = number | "(" sum ")"
//! ```
//!
//! So `-2 ^ 2` is `-4`, as in mathematics, and `2 ^ 3 ^ 2` is `2 ^ 9`.

use crate::lexer::{Symbol, Token};

/// How deep parentheses, signs and powers may be nested: the parser calls itself once for each.
pub(crate) const DEPTH_MAX: usize = 64;

/// The value of a whole expression.
pub(crate) fn evaluate(tokens: &[Token]) -> Result<f64, String> {
    let mut parser = Parser {
        rest: tokens,
        depth: 0,
    };
    let value = parser.sum()?;
    match parser.rest.first() {
        None => finite(value),
        Some(Token { symbol, at }) => Err(format!(
            "an operator is missing before `{symbol}` at character {at}"
        )),
    }
}

struct Parser<'a> {
    rest: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn sum(&mut self) -> Result<f64, String> {
        let mut value = self.product()?;
        loop {
            if self.take(Symbol::Plus).is_some() {
                value += self.product()?;
            } else if self.take(Symbol::Minus).is_some() {
                value -= self.product()?;
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<f64, String> {
        let mut value = self.signed()?;
        loop {
            if self.take(Symbol::Times).is_some() {
                value *= self.signed()?;
            } else if let Some(at) = self.take(Symbol::Divide) {
                value /= self.divisor(at)?;
            } else if let Some(at) = self.take(Symbol::Remainder) {
                value %= self.divisor(at)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn divisor(&mut self, at: usize) -> Result<f64, String> {
        match self.signed()? {
            0.0 => Err(format!("division by zero at character {at}")),
            divisor => Ok(divisor),
        }
    }

    fn signed(&mut self) -> Result<f64, String> {
        if self.take(Symbol::Minus).is_some() {
            return self.nested(|parser| Ok(-parser.signed()?));
        }
        if self.take(Symbol::Plus).is_some() {
            return self.nested(Self::signed);
        }
        self.power()
    }

    fn power(&mut self) -> Result<f64, String> {
        let base = self.atom()?;
        let Some(at) = self.take(Symbol::Power) else {
            return Ok(base);
        };
        let exponent = self.nested(Self::signed)?;
        if base == 0.0 && exponent < 0.0 {
            return Err(format!(
                "division by zero at character {at}: 0 to a negative power"
            ));
        }
        let value = base.powf(exponent);
        if value.is_nan() {
            return Err(format!("the power at character {at} has no real value"));
        }
        Ok(value)
    }

    fn atom(&mut self) -> Result<f64, String> {
        let Some((&Token { symbol, at }, rest)) = self.rest.split_first() else {
            return Err("the expression ends where a number or `(` should be".to_owned());
        };
        self.rest = rest;
        match symbol {
            Symbol::Number(number) => Ok(number),
            Symbol::Open => {
                let value = self.nested(Self::sum)?;
                match self.take(Symbol::Close) {
                    Some(_) => Ok(value),
                    None => Err(format!(
                        "the `(` at character {at} is never closed{}",
                        self.seen()
                    )),
                }
            }
            other => Err(format!(
                "a number or `(` should be where `{other}` is, at character {at}"
            )),
        }
    }

    /// Where the next token is this one, steps over it and says where it was.
    fn take(&mut self, symbol: Symbol) -> Option<usize> {
        match self.rest.split_first() {
            Some((token, rest)) if token.symbol == symbol => {
                self.rest = rest;
                Some(token.at)
            }
            _ => None,
        }
    }

    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<f64, String>,
    ) -> Result<f64, String> {
        if self.depth == DEPTH_MAX {
            return Err(format!(
                "the expression is nested deeper than {DEPTH_MAX} levels"
            ));
        }
        self.depth += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn seen(&self) -> String {
        self.rest
            .first()
            .map_or_else(String::new, |Token { symbol, at }| {
                format!(": `{symbol}` comes instead, at character {at}")
            })
    }
}

fn finite(value: f64) -> Result<f64, String> {
    if value.is_finite() {
        return Ok(value);
    }
    Err("the result is too large: numbers end at about 1.8e308".to_owned())
}
