//! What a turn may spend on models.

use crate::config::Limits;
use crate::domain::LimitName;

/// What a turn has spent on models so far.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Spent {
    calls: u32,
    output_tokens: u64,
}

impl Spent {
    /// Reserve one request; where a limit is spent, says which.
    pub(super) fn reserve(&mut self, limits: &Limits) -> Result<(), (LimitName, String)> {
        if self.calls >= limits.model_calls {
            let text = format!(
                "the turn has made its {} requests to models (limits.model_calls)",
                limits.model_calls
            );
            return Err((LimitName::ModelCalls, text));
        }
        if self.output_tokens >= limits.model_output_tokens {
            let text = format!(
                "the answers of this turn had {} tokens, and {} are allowed (limits.model_output_tokens)",
                self.output_tokens, limits.model_output_tokens
            );
            return Err((LimitName::ModelOutputTokens, text));
        }
        self.calls = self.calls.saturating_add(1);
        Ok(())
    }

    /// Count what a vendor reported.
    pub(super) fn add_output_tokens(&mut self, tokens: u64) {
        self.output_tokens = self.output_tokens.saturating_add(tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_made_up_to_the_limit_and_not_one_beyond() {
        let limits = Limits {
            model_calls: 2,
            ..Limits::default()
        };
        let mut spent = Spent::default();
        assert_eq!(spent.reserve(&limits), Ok(()));
        assert_eq!(spent.reserve(&limits), Ok(()));
        let (_, error) = spent.reserve(&limits).unwrap_err();
        assert!(
            error.contains("its 2 requests to models (limits.model_calls)"),
            "{error}"
        );
    }

    #[test]
    fn tokens_are_spent_up_to_the_limit_and_then_no_request_is_made() {
        let limits = Limits {
            model_output_tokens: 10,
            ..Limits::default()
        };
        let mut spent = Spent::default();
        spent.add_output_tokens(9);
        assert_eq!(spent.reserve(&limits), Ok(()));
        spent.add_output_tokens(1);
        let (_, error) = spent.reserve(&limits).unwrap_err();
        assert!(error.contains("limits.model_output_tokens"), "{error}");
    }
}
