//! Images in another size, bilinearly over all pixels that one of the result covers, as Pillow does it, byte for byte.
//!
//! Weights of 22 bits, rows first, then columns, both rounded to bytes. Pillow 9.4 goes so always, 13.0 begins with columns
//! where that is less work. A library's own way (fast_image_resize was here) differs by one in a byte now and then, and what
//! a model makes of that differs in the third digit from what people measured before with scripts.

use std::ops::Range;

/// Bits of a weight behind the point: a sum of bytes times weights stays below 2³¹.
const BITS: u32 = 22;
/// A half, to round by.
const HALF: i32 = 1 << (BITS - 1);

/// What the pixels of one side are made of.
struct Weights {
    /// The first pixel of each, and where its weights end.
    from: Vec<(usize, usize)>,
    weights: Vec<i32>,
}

impl Weights {
    /// A triangle as wide as two pixels of the longer side, on the middle of each pixel of the result; sums to one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // below the length
    fn new(length: usize, wanted: usize, part: Range<usize>) -> Self {
        let scale = length as f64 / wanted as f64;
        let reach = scale.max(1.0);
        let mut found = Self { from: Vec::with_capacity(part.len()), weights: Vec::new() };
        for place in part {
            let middle = (place as f64 + 0.5) * scale;
            let first = (middle - reach + 0.5).max(0.0) as usize;
            let end = ((middle + reach + 0.5) as usize).min(length);
            let triangle = |x: usize| (1.0 - ((x as f64 - middle + 0.5) * (1.0 / reach)).abs()).max(0.0);
            let sum: f64 = (first..end).map(triangle).sum();
            let whole = |x: usize| (triangle(x) / sum * f64::from(1 << BITS) + 0.5) as i32;
            found.weights.extend((first..end).map(whole));
            found.from.push((first, found.weights.len()));
        }
        found
    }

    /// The first pixel and the weights of each pixel of the result.
    fn each(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let begins = std::iter::once(0).chain(self.from.iter().map(|f| f.1));
        self.from.iter().zip(begins).map(|(&(first, end), begin)| (first, &self.weights[begin..end]))
    }
}

fn byte(sum: i32) -> u8 {
    u8::try_from((sum >> BITS).clamp(0, 255)).unwrap_or(u8::MAX)
}

/// Buffers that is used again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    narrow: Vec<u8>,
    sums: Vec<i32>,
}

/// Red, green and blue of an image in another size: of that the columns and rows of a part alone.
pub(crate) fn resize(
    (width, height): (usize, usize),
    rgb: &[u8],
    (w, h): (usize, usize),
    (columns, rows): (Range<usize>, Range<usize>),
    buffers: &mut Buffers,
    out: &mut Vec<u8>,
) {
    let narrow = if w == width && columns == (0..w) {
        rgb
    } else {
        buffers.narrow.clear();
        buffers.narrow.reserve(3 * columns.len() * height);
        let weights = Weights::new(width, w, columns.clone());
        for row in rgb.chunks_exact(3 * width) {
            for (first, weights) in weights.each() {
                let mut sums = [HALF; 3];
                for (pixel, &weight) in row[3 * first..].chunks_exact(3).zip(weights) {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += i32::from(value) * weight;
                    }
                }
                buffers.narrow.extend(sums.map(byte));
            }
        }
        &buffers.narrow
    };
    out.clear();
    let w = columns.len();
    if h == height {
        out.extend_from_slice(&narrow[3 * w * rows.start..3 * w * rows.end]);
        return;
    }
    for (first, weights) in Weights::new(height, h, rows).each() {
        buffers.sums.clear();
        buffers.sums.resize(3 * w, HALF);
        for (row, &weight) in narrow[3 * w * first..].chunks_exact(3 * w).zip(weights) {
            for (sum, &value) in buffers.sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        out.extend(buffers.sums.iter().map(|&sum| byte(sum)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resized(size: (usize, usize), rgb: &[u8], to: (usize, usize)) -> Vec<u8> {
        let mut out = Vec::new();
        resize(size, rgb, to, (0..to.0, 0..to.1), &mut Buffers::default(), &mut out);
        assert_eq!(out.len(), 3 * to.0 * to.1);
        out
    }

    /// An image that looks random.
    fn image(width: usize, height: usize) -> Vec<u8> {
        (0..3 * width * height).map(|i| u8::try_from((i * i * 31 + i * 7) % 251).unwrap_or(0)).collect()
    }

    /// The definition in floating point, one pixel at a time: no byte is farther away than its two roundings.
    #[test]
    fn resize_matches_the_definition() {
        for (size, to) in
            [((17, 9), (8, 4)), ((5, 6), (13, 11)), ((40, 3), (7, 3)), ((9, 30), (9, 4)), ((1, 1), (4, 4))]
        {
            let (rgb, found) = (image(size.0, size.1), resized(size, &image(size.0, size.1), to));
            let weight = |length: usize, wanted: usize, place: usize, x: usize| {
                let scale = length as f64 / wanted as f64;
                (1.0 - (x as f64 + 0.5 - (place as f64 + 0.5) * scale).abs() / scale.max(1.0)).max(0.0)
            };
            for (at, found) in found.chunks(3).enumerate() {
                let (y, x) = (at / to.0, at % to.0);
                for channel in 0..3 {
                    let (mut sum, mut all) = (0.0, 0.0);
                    for j in 0..size.1 {
                        for i in 0..size.0 {
                            let w = weight(size.1, to.1, y, j) * weight(size.0, to.0, x, i);
                            sum += w * f64::from(rgb[3 * (j * size.0 + i) + channel]);
                            all += w;
                        }
                    }
                    let expected = sum / all;
                    assert!((f64::from(found[channel]) - expected).abs() <= 1.01, "{size:?} to {to:?}: {expected}");
                }
            }
        }
    }

    /// Pillow 13.0: `Image.frombytes("RGB", (7, 5), bytes(i * i * 31 + i * 7 for …) % 251).resize((4, 3), BILINEAR)`.
    #[test]
    fn resize_matches_pillow_byte_for_byte() {
        assert_eq!(resized((7, 5), &image(7, 5), (4, 3)), PILLOW);
    }

    const PILLOW: [u8; 36] = [
        60, 84, 125, 153, 116, 80, 80, 104, 94, 111, 64, 149, 103, 145, 112, 188, 145, 92, 159, 77, 139, 141, 75, 129,
        178, 161, 201, 185, 104, 167, 173, 152, 147, 145, 113, 146,
    ];

    #[test]
    fn resize_of_a_part_is_that_part_of_the_whole() {
        for (size, to) in [((17, 9), (8, 4)), ((8, 9), (8, 20)), ((20, 5), (31, 5)), ((6, 6), (6, 6))] {
            let rgb = image(size.0, size.1);
            let whole = resized(size, &rgb, to);
            let (columns, rows) = (to.0 / 4..to.0 - 1, 1..to.1 - to.1 / 4);
            let mut part = Vec::new();
            resize(size, &rgb, to, (columns.clone(), rows.clone()), &mut Buffers::default(), &mut part);
            let expected: Vec<u8> = rows
                .flat_map(|y| whole[3 * (y * to.0 + columns.start)..3 * (y * to.0 + columns.end)].to_vec())
                .collect();
            assert_eq!(part, expected, "{size:?} to {to:?}");
        }
    }

    #[test]
    fn resize_keeps_a_single_colour() {
        for value in [0, 1, 127, 254, 255] {
            let out = resized((31, 17), &vec![value; 3 * 31 * 17], (8, 23));
            assert!(out.iter().all(|v| *v == value), "{value}");
        }
    }
}
