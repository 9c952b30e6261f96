//! A choice for a table: which rows are held out, the user's command as the model, records that survive a kill, and the answer in words.
//!
//! The protocol itself is `leanset-choose`, which knows no files.

mod answer;
mod own_model;
mod records;
mod subject;

pub use answer::{Answer, Source, metered};
pub use own_model::CommandJudge;
pub use records::ChoiceRecords;
pub use subject::TableSubject;
