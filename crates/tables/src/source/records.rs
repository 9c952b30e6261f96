//! Records of a text table that is written from typed values.

use std::io::{self, Write};

use leanset_spec::Format;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 16;

/// A writer of records that end in `\n`, with quotes where they are needed.
///
/// A value that is missing is an empty field. A text that is there and empty is `""`, which readers that tell the two apart
/// take for it; so is a missing value alone in its record, because a blank line would be skipped.
pub(crate) struct Records<'a> {
    out: &'a mut dyn Write,
    delimiter: u8,
    buffer: Vec<u8>,
    fields: usize,
    empty: bool,
}

impl<'a> Records<'a> {
    pub(crate) fn new(format: Format, out: &'a mut dyn Write) -> Self {
        let delimiter = if format == Format::Tsv { b'\t' } else { b',' };
        Self { out, delimiter, buffer: Vec::with_capacity(BUFFER + 1024), fields: 0, empty: true }
    }

    /// Appends a field to the record.
    pub(crate) fn field(&mut self, value: Option<&str>) {
        if self.fields > 0 {
            self.buffer.push(self.delimiter);
        }
        self.fields += 1;
        let Some(value) = value else { return };
        self.empty = false;
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        if value.is_empty() || value.bytes().any(special) {
            self.buffer.push(b'"');
            for (at, part) in value.split('"').enumerate() {
                if at > 0 {
                    self.buffer.extend_from_slice(b"\"\"");
                }
                self.buffer.extend_from_slice(part.as_bytes());
            }
            self.buffer.push(b'"');
        } else {
            self.buffer.extend_from_slice(value.as_bytes());
        }
    }

    /// Ends the record.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        if self.fields == 1 && self.empty {
            self.buffer.extend_from_slice(b"\"\"");
        }
        self.buffer.push(b'\n');
        (self.fields, self.empty) = (0, true);
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.write()?;
        self.out.flush()
    }

    fn write(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}
