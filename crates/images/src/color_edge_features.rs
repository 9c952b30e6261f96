//! Features that need no model: histograms of colours and edges.
//!
//! Of the image scaled to 64 × 64 pixels: the fraction of pixels in each of 4 × 4 × 4 cells of red, green and blue, and
//! the fraction of the edges in each of 4 × 4 cells of the image and eight directions. Features are square roots of these
//! fractions, so that the Euclidean distance of two images is that of Hellinger between their distributions, colours and
//! edges each at most √2. Only sums, comparisons and square roots: the same bits on every machine.

use image::RgbImage;
use image::imageops::thumbnail;

const SIDE: u32 = 64;
const COLOURS: usize = 64;
const CELLS: usize = 4;
const DIRECTIONS: usize = 8;

/// Features per image.
pub const DIMENSIONS: usize = COLOURS + CELLS * CELLS * DIRECTIONS;

/// The name of these features, with a version that changes when they do.
pub const NAME: &str = "colours-and-edges/1";

/// The [`DIMENSIONS`] features of an image.
pub fn features(image: &RgbImage) -> Vec<f32> {
    let small = thumbnail(image, SIDE, SIDE);
    let mut colours = [0u32; COLOURS];
    for pixel in small.pixels() {
        let [r, g, b] = pixel.0.map(|v| usize::from(v >> 6));
        colours[r * 16 + g * 4 + b] += 1;
    }
    let mut edges = [0f64; CELLS * CELLS * DIRECTIONS];
    let bright = |x: u32, y: u32| luma(small.get_pixel(x, y).0);
    for y in 1..SIDE - 1 {
        for x in 1..SIDE - 1 {
            let (dx, dy) = (bright(x + 1, y) - bright(x - 1, y), bright(x, y + 1) - bright(x, y - 1));
            let direction = usize::from(dx < 0) * 4 + usize::from(dy < 0) * 2 + usize::from(dx.abs() < dy.abs());
            let cell = (y / (SIDE / 4)) as usize * CELLS + (x / (SIDE / 4)) as usize;
            let (dx, dy) = (f64::from(dx), f64::from(dy));
            edges[cell * DIRECTIONS + direction] += (dx * dx + dy * dy).sqrt();
        }
    }
    let pixels = f64::from(SIDE * SIDE);
    let all: f64 = edges.iter().sum();
    let part = |edge: f64| if all > 0.0 { edge / all } else { 0.0 };
    let colours = colours.iter().map(|&n| f64::from(n) / pixels);
    #[allow(clippy::cast_possible_truncation)] // single precision is what is wanted
    colours.chain(edges.iter().map(|&e| part(e))).map(|v| v.sqrt() as f32).collect()
}

/// A perceptual hash: 128 comparisons of neighbouring pixels of the image scaled to 9 × 9. Nearly equal for copies in other sizes
/// and qualities. `None` for an image that is too uniform to be distinguished from others in this way.
pub(crate) fn perceptual_hash(image: &RgbImage) -> Option<u128> {
    let small = thumbnail(image, 9, 9);
    let bright = |x: u32, y: u32| luma(small.get_pixel(x, y).0);
    let mut hash = 0u128;
    for y in 0..8 {
        for x in 0..8 {
            hash = hash << 2
                | u128::from(bright(x, y) < bright(x + 1, y)) << 1
                | u128::from(bright(x, y) < bright(x, y + 1));
        }
    }
    (24..=104).contains(&hash.count_ones()).then_some(hash)
}

/// Brightness, 0 to 255000.
fn luma([r, g, b]: [u8; 3]) -> i32 {
    299 * i32::from(r) + 587 * i32::from(g) + 114 * i32::from(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn ramp(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let v = |a: u32, b: u32| u8::try_from(255 * a / b).expect("a byte");
            Rgb([v(x, width), v(y, height), v(x * y, width * height)])
        })
    }

    #[test]
    fn features_are_two_distributions() {
        let numbers = features(&ramp(200, 120));
        assert_eq!(numbers.len(), DIMENSIONS);
        for part in [&numbers[..COLOURS], &numbers[COLOURS..]] {
            let sum: f32 = part.iter().map(|v| v * v).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        }
        // One colour: one cell, no edge.
        let plain = features(&RgbImage::from_pixel(30, 30, Rgb([200, 10, 90])));
        assert_eq!(plain.iter().filter(|v| **v != 0.0).count(), 1);
        assert_eq!(plain[3 * 16 + 1], 1.0);
    }

    #[test]
    fn features_tell_where_an_edge_is_and_its_direction() {
        // Dark above, bright below, in the upper left cell's row only: brightness grows downwards.
        let step = RgbImage::from_fn(64, 64, |_, y| if y < 8 { Rgb([0; 3]) } else { Rgb([255; 3]) });
        let numbers = features(&step);
        let edges = &numbers[COLOURS..];
        let found: Vec<usize> = (0..edges.len()).filter(|&i| edges[i] > 0.0).collect();
        assert_eq!(
            found,
            [1, 9, 17, 25],
            "the four upper cells, direction 1: steeper in y than in x, both not falling"
        );
    }

    #[test]
    fn perceptual_hash_survives_another_size_but_not_another_image() {
        let a = RgbImage::from_fn(90, 90, |x, y| Rgb([u8::from((x / 10 * 7 + y / 10 * 5) % 3 == 0) * 200; 3]));
        let bigger = image::imageops::resize(&a, 180, 180, image::imageops::FilterType::Nearest);
        assert!(perceptual_hash(&a).is_some());
        assert_eq!(perceptual_hash(&a), perceptual_hash(&bigger));
        assert_ne!(perceptual_hash(&a), perceptual_hash(&image::imageops::flip_vertical(&a)));
        assert_eq!(perceptual_hash(&RgbImage::from_pixel(30, 30, Rgb([9; 3]))), None);
    }
}
