//! Damage: a valid file and a number make a mutant, the same on every machine.

/// Random numbers (SplitMix64), so that a mutant is known by its seed.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Of several numbers together.
    pub(super) fn of(numbers: &[u64]) -> Self {
        let mut random = Self(0x9e37_79b9_7f4a_7c15);
        for &number in numbers {
            random.0 ^= number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            random.next();
        }
        random
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a number that is not zero.
    pub(super) fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or(0)
    }

    /// Below a power of two that is below this one, so that small numbers are as frequent as large ones.
    fn short(&mut self, bits: usize) -> usize {
        let most = 1 << self.below(bits);
        self.below(most)
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Numbers that lengths and counts are overwritten with.
const NUMBERS: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x10_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    i64::MAX.cast_unsigned(),
    u64::MAX,
];

/// Pieces of text that readers have to think about.
const PIECES: [&str; 46] = [
    "\"",
    "'",
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "\u{1b}[2J",
    "\u{202e}",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-0",
    "1e-320",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "0x10",
    "null",
    "true",
    "{",
    "}",
    "[",
    "]",
    ":",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary",
    "<",
    ">",
    "</",
    "&amp;",
    "&#0;",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
    "<![CDATA[",
    "=",
    "\\u0000",
    "\\",
    "é",
    "日本",
    " ",
];

/// A mutant of a file: one to six changes, most often few. `other` is another valid file of the kind, to splice in.
pub(super) fn mutate(bytes: &[u8], other: &[u8], text: bool, random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let changes = 1 + random.below(2) + random.below(2) * random.below(5);
    for _ in 0..changes {
        change(&mut out, other, text, random);
    }
    out
}

fn change(out: &mut Vec<u8>, other: &[u8], text: bool, random: &mut Random) {
    let length = out.len();
    let at = random.below(length);
    // A range that is mostly short.
    let within = 1 + random.short(9);
    let end = (at + within).min(length);
    match random.below(if text { 17 } else { 13 }) {
        0 if length > 0 => out[at] ^= 1 << random.below(8),
        1 if length > 0 => out[at] = random.next().to_le_bytes()[0],
        2 => out.truncate(at),
        3 => drop(out.drain(at..end)),
        4 => {
            let copy = out[at..end].to_vec();
            let to = random.below(length + 1);
            out.splice(to..to, copy);
        }
        // The same many times.
        5 => {
            let copy = out[at..end].repeat(1 + random.short(8));
            out.splice(at..end, copy);
        }
        6 if length > 0 => {
            let to = random.below(length);
            let (a, b) = (at.min(to), at.max(to));
            let size = within.min(b - a).min(length - b);
            let (left, right) = out.split_at_mut(b);
            left[a..a + size].swap_with_slice(&mut right[..size]);
        }
        7..=9 if length > 0 => number(out, at, random),
        10 if !other.is_empty() => {
            let from = random.below(other.len());
            let piece = &other[from..(from + within).min(other.len())];
            let to = if random.below(2) == 0 { at..at } else { at..end };
            out.splice(to, piece.iter().copied());
        }
        11 => out.extend_from_slice(&other[..random.below(other.len() + 1)]),
        12 => {
            let noise: Vec<u8> = (0..within).map(|_| random.next().to_le_bytes()[0]).collect();
            out.splice(at..end, noise);
        }
        _ => {
            let piece = random.pick(&PIECES).as_bytes();
            // Now and then deep or long.
            let times = if random.below(12) == 0 { 1 + random.below(30_000) } else { 1 };
            let to = if random.below(2) == 0 { at..at } else { at..end };
            out.splice(to, piece.repeat(times));
        }
    }
}

/// Overwrites a field with a number that matters, in either byte order, or changes it by a little.
fn number(out: &mut [u8], at: usize, random: &mut Random) {
    let width = [1, 2, 4, 8][random.below(4)];
    let Some(field) = out.get_mut(at..at + width) else { return };
    let old = field.iter().rev().fold(0u64, |all, &byte| all << 8 | u64::from(byte));
    let new = match random.below(3) {
        0 => old.wrapping_add(random.next() % 5).wrapping_sub(2),
        _ => NUMBERS[random.below(NUMBERS.len())],
    };
    let bytes = new.to_le_bytes();
    field.copy_from_slice(&bytes[..width]);
    if random.below(3) == 0 {
        field.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutate_depends_on_its_seed_alone() {
        let (bytes, other) = (vec![7; 300], vec![9; 40]);
        let make = |seed| mutate(&bytes, &other, true, &mut Random::of(&[1, seed]));
        let all: Vec<Vec<u8>> = (0..500).map(make).collect();
        assert!((0..500).map(make).eq(all.iter().cloned()));
        let changed = all.iter().filter(|mutant| **mutant != bytes).count();
        assert!(changed > 400, "{changed} of 500 differ");
        // Nothing is too short to be changed.
        (0..200).for_each(|seed| drop(mutate(&[], &[], true, &mut Random::of(&[seed]))));
    }
}
