//! A training log as bytes, with the labels of its rows: what the Python package saves and pickles, and what the command line reads too.
//!
//! A log of observations of single rows (the table `epoch,row,correct,p_0 …`) can be written by anybody; this is the log after its sums
//! were made, which is smaller (two bits a row and epoch, four bytes with probabilities) and can be merged and continued.

use std::collections::BTreeMap;

use super::{Bits, MEAN_SCORES, TrainingLog};
use crate::state::{Reader, open, push_text, seal};
use crate::{LogError, Result, RowId, StateError};

const FAMILY: &str = "training log";
const VERSION: u32 = 1;

impl TrainingLog {
    /// The log as bytes, from which [`TrainingLog::from_state`] makes it again. Equal logs have equal bytes.
    ///
    /// ```
    /// use leanset_core::{RowId, dynamics::TrainingLog};
    /// let mut log = TrainingLog::new(2);
    /// log.observe(0, RowId(1), true, None)?;
    /// let again = TrainingLog::from_state(&log.state())?;
    /// assert_eq!(again, log);
    /// # Ok::<(), leanset_core::Error>(())
    /// ```
    pub fn state(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        seal(FAMILY, VERSION, &bytes)
    }

    /// The log of [`TrainingLog::state`].
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if the bytes are no such state, or not as they were written.
    pub fn from_state(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(open(bytes, FAMILY, VERSION)?);
        let log = Self::read(&mut reader)?;
        reader.end()?;
        Ok(log)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend_from_slice(&(n as u64).to_le_bytes());
        number(bytes, self.rows);
        number(bytes, self.epochs.len());
        for (epoch, bits) in &self.epochs {
            bytes.extend_from_slice(&epoch.to_le_bytes());
            bits.observed.iter().chain(&bits.right).for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
            number(bytes, bits.own.len());
            bits.own.iter().for_each(|p| bytes.extend_from_slice(&p.to_le_bytes()));
        }
        // Sums by name: a version that keeps others says so.
        number(bytes, MEAN_SCORES.len());
        for (score, sums) in MEAN_SCORES.iter().zip(&self.sums) {
            push_text(bytes, score.name);
            number(bytes, sums.len());
            sums.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        }
        number(bytes, self.gradients.len());
        self.gradients.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        for count in [self.observations, self.with_scores, self.with_gradients] {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let impossible = |what| -> crate::Error { StateError::Damaged(what).into() };
        let rows = reader.u64()?;
        let rows = u32::try_from(rows).map_err(|_| impossible("it has more rows than a table can have"))? as usize;
        let words = rows.div_ceil(64);
        // The bits beyond the last row.
        let beyond = if rows.is_multiple_of(64) { 0 } else { u64::MAX << (rows % 64) };
        // Per row: none, or a number each.
        let per_row = |length: usize| {
            if length == 0 || length == rows { Ok(length) } else { Err(impossible("a list has not one number a row")) }
        };
        let mut epochs = BTreeMap::new();
        let mut seen = 0;
        for _ in 0..reader.count(4)? {
            let epoch = reader.u32()?;
            let observed = reader.numbers(words, u64::from_le_bytes)?;
            let right = reader.numbers(words, u64::from_le_bytes)?;
            let length = per_row(reader.count(4)?)?;
            let own = reader.numbers(length, f32::from_le_bytes)?;
            if observed.last().is_some_and(|word| word & beyond != 0)
                || right.iter().zip(&observed).any(|(r, o)| r & !o != 0)
            {
                return Err(impossible("it has observations of rows that it has not"));
            }
            if own.iter().any(|p| !(0.0..=1.0).contains(p)) {
                return Err(impossible("a probability in it is not in [0, 1]"));
            }
            seen += observed.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
            if epochs.last_key_value().is_some_and(|(&last, _)| last >= epoch) {
                return Err(impossible("its epochs are not in order"));
            }
            epochs.insert(epoch, Bits { observed, right, own });
        }
        if reader.u64()? != MEAN_SCORES.len() as u64 {
            return Err(impossible("it has other scores than this version"));
        }
        // A score is of magnitude 64 at most, in units of 2⁻⁴⁰.
        let largest = (64u64 << 40).saturating_mul(epochs.len() as u64);
        let mut sums: [Vec<i64>; MEAN_SCORES.len()] = Default::default();
        for (score, sums) in MEAN_SCORES.iter().zip(&mut sums) {
            if reader.text()? != score.name {
                return Err(impossible("it has other scores than this version"));
            }
            let length = per_row(reader.count(8)?)?;
            *sums = reader.numbers(length, i64::from_le_bytes)?;
            if sums.iter().any(|sum| sum.unsigned_abs() > largest) {
                return Err(impossible("a sum in it is larger than its epochs can give"));
            }
        }
        let length = per_row(reader.count(8)?)?;
        let gradients = reader.numbers(length, i64::from_le_bytes)?;
        let (observations, with_scores, with_gradients) = (reader.u64()?, reader.u64()?, reader.u64()?);
        // Whatever has probabilities has sums, and their probabilities in an epoch at least.
        let scored = with_scores > 0;
        if observations != seen || with_scores > observations || with_gradients > with_scores {
            return Err(impossible("its numbers of observations disagree"));
        }
        if sums.iter().any(|sums| sums.is_empty() == (scored && rows > 0))
            || gradients.is_empty() == (with_gradients > 0 && rows > 0)
        {
            return Err(impossible("its sums and its numbers of observations disagree"));
        }
        if with_scores == observations && epochs.values().any(|bits| bits.own.len() != rows) && scored {
            return Err(impossible("an epoch lacks its probabilities"));
        }
        Ok(Self { rows, epochs, sums, gradients, observations, with_scores, with_gradients })
    }
}

/// A training log and the labels of its rows.
///
/// ```
/// use leanset_core::{RowId, dynamics::{LabelledLog, TrainingLog}};
/// let mut log = TrainingLog::new(3);
/// log.observe(0, RowId(0), true, None)?;
/// let labelled = LabelledLog { kind: "str".into(), names: vec!["cat".into(), "dog".into()], codes: vec![0, 1, 0], log };
/// let bytes = labelled.state();
/// assert_eq!(LabelledLog::from_state(&bytes)?, labelled);
/// assert!(LabelledLog::from_state(&bytes[..40]).is_err());
/// # Ok::<(), leanset_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledLog {
    /// What the labels were, in the words of whoever wrote the log: `str`, `int`.
    pub kind: String,
    /// The names of the classes.
    pub names: Vec<String>,
    /// The class of each row.
    pub codes: Vec<u32>,
    /// The observations.
    pub log: TrainingLog,
}

impl LabelledLog {
    /// The family of its state.
    pub const FAMILY: &'static str = "labelled training log";
    /// The version of its state.
    pub const VERSION: u32 = 1;

    /// The log and its labels as bytes, from which [`LabelledLog::from_state`] makes them again.
    pub fn state(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_text(&mut bytes, &self.kind);
        bytes.extend_from_slice(&(self.names.len() as u64).to_le_bytes());
        self.names.iter().for_each(|name| push_text(&mut bytes, name));
        bytes.extend_from_slice(&(self.codes.len() as u64).to_le_bytes());
        self.codes.iter().for_each(|code| bytes.extend_from_slice(&code.to_le_bytes()));
        self.log.write(&mut bytes);
        seal(Self::FAMILY, Self::VERSION, &bytes)
    }

    /// What [`LabelledLog::state`] gave.
    ///
    /// # Errors
    /// [`Error::State`](crate::Error::State) if the bytes are no such state, or not as they were written.
    pub fn from_state(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(open(bytes, Self::FAMILY, Self::VERSION)?);
        let kind = reader.text()?;
        let names = (0..reader.count(8)?).map(|_| reader.text()).collect::<Result<Vec<_>>>()?;
        let rows = reader.count(4)?;
        let codes = reader.numbers(rows, u32::from_le_bytes)?;
        let log = TrainingLog::read(&mut reader)?;
        reader.end()?;
        if codes.iter().any(|&code| code as usize >= names.len()) || log.rows != rows {
            return Err(StateError::Damaged("its labels are not those of its rows").into());
        }
        Ok(Self { kind, names, codes, log })
    }

    /// Checks that the log is of rows with these labels.
    ///
    /// # Errors
    /// [`Error::Log`](crate::Error::Log) if the numbers of rows differ, or names the first row with another label.
    pub fn check_labels(&self, names: &[String], codes: &[u32]) -> Result<()> {
        if self.codes.len() != codes.len() {
            return Err(LogError::Rows { log: self.codes.len(), rows: codes.len() }.into());
        }
        for (row, (&own, &code)) in self.codes.iter().zip(codes).enumerate() {
            let (log, table) = (&self.names[own as usize], &names[code as usize]);
            if log != table {
                return Err(LogError::Labels { row: RowId::at(row), log: log.clone(), table: table.clone() }.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamics::PredictionScores;
    use crate::{ClassId, Error, Seed};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn state_is_the_log(rows in 1usize..150, epochs in 0u32..6, bits in any::<u64>(), scored in 0u8..3, flip in any::<prop::sample::Index>()) {
            let mut log = TrainingLog::new(rows);
            for epoch in 0..epochs {
                for row in (0..rows).map(RowId::at) {
                    let u = Seed(bits).unit(RowId::at(row.index() + 1000 * epoch as usize));
                    let scores = PredictionScores::of(&[u, 1.0 - u], ClassId(0));
                    let scores = if scored > 1 { scores.with_last_inputs(2.0) } else { scores };
                    // A log that is not complete has a state too.
                    if u > 0.1 {
                        log.observe(3 * epoch, row, u > 0.5, (scored > 0).then_some(scores)).expect("in range");
                    }
                }
            }
            let state = log.state();
            let again = TrainingLog::from_state(&state).expect("whole");
            prop_assert_eq!(&again, &log);
            prop_assert_eq!(again.finish(), log.finish());
            prop_assert_eq!(again.state(), state);
            // Payloads that no log has, with a right checksum: refused or as they were, and never a panic.
            let mut payload = Vec::new();
            log.write(&mut payload);
            let at = flip.index(payload.len());
            payload[at] ^= 1 << (bits % 8);
            if let Ok(other) = TrainingLog::from_state(&seal(FAMILY, VERSION, &payload)) {
                let _ = other.finish();
                let mut written = Vec::new();
                other.write(&mut written);
                prop_assert_eq!(&written, &payload);
            }
            payload.truncate(at);
            prop_assert!(TrainingLog::from_state(&seal(FAMILY, VERSION, &payload)).is_err());
        }
    }

    #[test]
    fn labels_of_other_rows_are_refused() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let log =
            LabelledLog { kind: "str".into(), names: names(&["a", "b"]), codes: vec![0, 1], log: TrainingLog::new(2) };
        // Classes may be listed in another order.
        assert_eq!(log.check_labels(&names(&["b", "a", "c"]), &[1, 0]), Ok(()));
        let other = LogError::Labels { row: RowId(1), log: "b".into(), table: "c".into() };
        assert_eq!(log.check_labels(&names(&["b", "a", "c"]), &[1, 2]), Err(other.into()));
        assert_eq!(log.check_labels(&names(&["a"]), &[0]), Err(LogError::Rows { log: 2, rows: 1 }.into()));
        let bad = LabelledLog { codes: vec![0, 2], ..log };
        assert!(matches!(LabelledLog::from_state(&bad.state()), Err(Error::State(StateError::Damaged(_)))));
    }
}
