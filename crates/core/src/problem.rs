//! Errors of the core as problems, in which settings are named and every face spells them.

use leanset_problem::{Code, Problem, Text, setting, text};

use crate::Error;
use crate::error::BudgetError;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::Budget(BudgetError::Ratio(_)) => Some(text![setting::RATIO.to(0.1), " is one row in ten"]),
            Error::Budget(BudgetError::Zero) => Some("ask for at least 1 row".into()),
            Error::Budget(BudgetError::BelowClasses { classes, .. }) => Some(text![
                format!("ask for at least {classes} rows, or let classes vanish with "),
                &setting::ALLOW_EMPTY_CLASSES
            ]),
            error => error.hint().map(Text::from),
        };
        let code = if error == Error::Interrupted { Code::Interrupted } else { Code::Unusable };
        Self::new(error.to_string()).maybe_hint(hint).code(code)
    }
}
