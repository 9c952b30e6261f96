//! Sets of up to 64·W vertices, and symmetric 0/1 matrices of which few rows are not empty.

/// A set of vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bits<const W: usize>([u64; W]);

impl<const W: usize> Default for Bits<W> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const W: usize> Bits<W> {
    pub(super) const EMPTY: Self = Self([0; W]);

    #[inline(always)]
    pub(super) fn single(vertex: usize) -> Self {
        let mut set = Self::EMPTY;
        set.insert(vertex);
        set
    }

    #[inline(always)]
    pub(super) fn has(&self, vertex: usize) -> bool {
        self.0[vertex / 64 % W] >> (vertex % 64) & 1 != 0
    }

    #[inline(always)]
    pub(super) fn insert(&mut self, vertex: usize) {
        self.0[vertex / 64 % W] |= 1 << (vertex % 64);
    }

    #[inline(always)]
    pub(super) fn remove(&mut self, vertex: usize) {
        self.0[vertex / 64 % W] &= !(1 << (vertex % 64));
    }

    /// Inserts those of eight vertices, from 8·`byte` on, whose bits are set.
    #[inline(always)]
    pub(super) fn insert_byte(&mut self, byte: usize, bits: u64) {
        self.0[byte / 8 % W] |= bits << (8 * (byte % 8));
    }

    #[inline(always)]
    pub(super) fn flip(&mut self, vertex: usize) {
        self.0[vertex / 64 % W] ^= 1 << (vertex % 64);
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) == 0
    }

    /// The number of vertices.
    #[inline(always)]
    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The lowest vertex, if there is one.
    #[inline(always)]
    pub(super) fn lowest(&self) -> Option<usize> {
        let word = self.0.iter().position(|&word| word != 0)?;
        Some(64 * word + self.0[word].trailing_zeros() as usize)
    }

    /// The highest vertex, if there is one.
    #[inline(always)]
    pub(super) fn highest(&self) -> Option<usize> {
        let word = self.0.iter().rposition(|&word| word != 0)?;
        Some(64 * word + 63 - self.0[word].leading_zeros() as usize)
    }

    /// The lowest vertex of each word that has one.
    #[inline(always)]
    pub(super) fn samples(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.map(|(w, word)| 64 * w + word.trailing_zeros() as usize)
    }

    /// Takes out the lowest vertex.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<usize> {
        let word = self.0.iter().position(|&word| word != 0)?;
        let vertex = 64 * word + self.0[word].trailing_zeros() as usize;
        self.0[word] &= self.0[word] - 1;
        Some(vertex)
    }

    /// The vertices, ascending.
    #[inline(always)]
    pub(crate) fn iter(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || self.pop())
    }

    /// These, or none of them.
    #[inline(always)]
    pub(super) fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::EMPTY }
    }

    /// Those of `self` that are not in `other`.
    #[inline(always)]
    pub(super) fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|w| self.0[w] & !other.0[w]))
    }
}

impl<const W: usize> std::ops::BitAnd for Bits<W> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(std::array::from_fn(|w| self.0[w] & other.0[w]))
    }
}

impl<const W: usize> std::ops::BitOr for Bits<W> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(std::array::from_fn(|w| self.0[w] | other.0[w]))
    }
}

impl<const W: usize> std::ops::BitXor for Bits<W> {
    type Output = Self;
    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(std::array::from_fn(|w| self.0[w] ^ other.0[w]))
    }
}

/// Rows of vertex sets, most of them empty.
#[derive(Clone, Debug)]
pub(super) struct Rows<const W: usize> {
    /// The rows that are kept (they may be empty again).
    touched: Bits<W>,
    /// Where each kept row is in `rows`.
    place: Vec<u16>,
    rows: Vec<Bits<W>>,
}

impl<const W: usize> Default for Rows<W> {
    fn default() -> Self {
        Self { touched: Bits::EMPTY, place: Vec::new(), rows: Vec::new() }
    }
}

impl<const W: usize> Rows<W> {
    /// Empties all rows, and makes room for `vertices` of them.
    pub(super) fn reset(&mut self, vertices: usize) {
        self.touched = Bits::EMPTY;
        self.rows.clear();
        if self.place.len() < vertices {
            self.place.resize(vertices, 0);
        }
    }

    /// The rows that may not be empty.
    #[inline(always)]
    pub(super) fn touched(&self) -> Bits<W> {
        self.touched
    }

    /// One row.
    #[inline(always)]
    pub(super) fn row(&self, vertex: usize) -> Bits<W> {
        if self.touched.has(vertex) { self.rows[usize::from(self.place[vertex])] } else { Bits::EMPTY }
    }

    #[inline(always)]
    fn row_mut(&mut self, vertex: usize) -> &mut Bits<W> {
        if !self.touched.has(vertex) {
            self.touched.insert(vertex);
            self.place[vertex] = self.rows.len() as u16; // at most one a vertex, and vertices are at most 4096
            self.rows.push(Bits::EMPTY);
        }
        &mut self.rows[usize::from(self.place[vertex])]
    }

    /// Sets one entry.
    pub(super) fn insert(&mut self, row: usize, vertex: usize) {
        self.row_mut(row).insert(vertex);
    }

    /// An entry, if there is one.
    pub(super) fn first_entry(&self) -> Option<(usize, usize)> {
        self.touched.iter().find_map(|row| Some((row, self.row(row).lowest()?)))
    }

    /// Flips one entry.
    #[inline(always)]
    pub(super) fn flip(&mut self, row: usize, vertex: usize) {
        self.row_mut(row).flip(vertex);
    }

    /// Adds other rows to these, over the field of two elements.
    pub(super) fn add(&mut self, other: &Self) {
        for vertex in other.touched.iter() {
            let row = self.row_mut(vertex);
            *row = *row ^ other.row(vertex);
        }
    }
}
