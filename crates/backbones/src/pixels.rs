//! What a model is fed: a picture of any size as the numbers that it was trained on.

use crate::resize::{Room, resize};

/// The grey beside a letterboxed picture, as detectors are trained with.
const GREY: u8 = 114;

/// How a picture of another size is brought to that of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fit {
    /// As large as fits, in the middle, grey beside it.
    #[default]
    Letterbox,
    /// To the model's height and width, whatever becomes of its own.
    Stretch,
    /// So that it covers the model's size; what reaches beyond is cut off on both sides.
    Crop,
    /// As it is; the model must take any size. The paper's.
    Native,
}

impl Fit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Letterbox => "letterbox",
            Self::Stretch => "stretch",
            Self::Crop => "crop",
            Self::Native => "native",
        }
    }
}

/// What becomes of pixels: `(v / 255 − mean) / deviation`, red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixels {
    /// Taken from each channel, of 0 to 1.
    pub mean: [f32; 3],
    /// What the rest is divided by.
    pub deviation: [f32; 3],
}

impl Pixels {
    /// 0 to 1, as detectors take them.
    pub const UNIT: Self = Self { mean: [0.0; 3], deviation: [1.0; 3] };
    /// By the mean and deviation of ImageNet, as most classifiers take them.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
}

/// Makes the numbers of pictures.
pub(crate) struct Feeder {
    /// Height and width; nothing for those of the picture.
    size: Option<(u32, u32)>,
    fit: Fit,
    /// The number of each value of each channel.
    numbers: [[f32; 256]; 3],
    /// Height × width × channels, instead of channels first.
    channels_last: bool,
    room: Room,
    resized: Vec<u8>,
}

impl Feeder {
    pub(crate) fn new(size: Option<(u32, u32)>, fit: Fit, pixels: Pixels, channels_last: bool) -> Self {
        let number = |channel: usize, value: usize| {
            #[allow(clippy::cast_precision_loss)] // a byte
            let value = value as f32 / 255.0;
            (value - pixels.mean[channel]) / pixels.deviation[channel]
        };
        let numbers = std::array::from_fn(|channel| std::array::from_fn(|value| number(channel, value)));
        Self { size, fit, numbers, channels_last, room: Room::default(), resized: Vec::new() }
    }

    /// Appends the numbers of a picture, red, green and blue byte by byte, and says their height and width.
    pub(crate) fn feed(&mut self, (width, height): (u32, u32), rgb: &[u8], out: &mut Vec<f32>) -> (u32, u32) {
        let (rows, columns) = self.size.unwrap_or((height, width));
        let (w, h) = match self.fit {
            Fit::Native => (width, height),
            Fit::Stretch => (columns, rows),
            Fit::Letterbox => scaled((width, height), (columns, rows), f64::min),
            Fit::Crop => scaled((width, height), (columns, rows), f64::max),
        };
        let resized = if (w, h) == (width, height) {
            rgb
        } else {
            let of = |(a, b): (u32, u32)| (a as usize, b as usize);
            resize(of((width, height)), rgb, of((w, h)), &mut self.room, &mut self.resized);
            &self.resized
        };
        // Where the picture's corner comes to lie; negative if it is cut off.
        let (left, top) =
            ((i64::from(columns) - i64::from(w)).div_euclid(2), (i64::from(rows) - i64::from(h)).div_euclid(2));
        let at = |row: u32, column: u32| -> Option<usize> {
            let (y, x) = (i64::from(row) - top, i64::from(column) - left);
            let inside = (0..i64::from(h)).contains(&y) && (0..i64::from(w)).contains(&x);
            inside.then(|| usize::try_from((y * i64::from(w) + x) * 3).unwrap_or(usize::MAX))
        };
        out.reserve(3 * rows as usize * columns as usize);
        if self.channels_last {
            for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                let place = at(row, column);
                out.extend((0..3).map(|c| self.numbers[c][usize::from(place.map_or(GREY, |p| resized[p + c]))]));
            }
            return (rows, columns);
        }
        for (channel, numbers) in self.numbers.iter().enumerate() {
            let grey = numbers[usize::from(GREY)];
            for row in 0..rows {
                let begin = out.len();
                out.resize(begin + columns as usize, grey);
                // The part of the row that the picture covers.
                let (first, last) = (left.max(0), (left + i64::from(w)).min(i64::from(columns)));
                let Some(place) = at(row, u32::try_from(first).unwrap_or(0)) else { continue };
                let (first, last) = (usize::try_from(first).unwrap_or(0), usize::try_from(last).unwrap_or(0));
                let values = resized[place + channel..].iter().step_by(3);
                for (to, &value) in out[begin + first..begin + last].iter_mut().zip(values) {
                    *to = numbers[usize::from(value)];
                }
            }
        }
        (rows, columns)
    }
}

/// The size of a picture that is scaled to fit into another, or to cover it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below the larger of both sizes
fn scaled((w, h): (u32, u32), (columns, rows): (u32, u32), which: fn(f64, f64) -> f64) -> (u32, u32) {
    let scale = which(f64::from(columns) / f64::from(w), f64::from(rows) / f64::from(h));
    let side = |side: u32| (f64::from(side) * scale).round_ties_even().max(1.0) as u32;
    (side(w), side(h))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose pixel at row y, column x is (y, x, 200).
    fn picture(width: u32, height: u32) -> Vec<u8> {
        let byte = |v: u32| u8::try_from(v).expect("a byte");
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [byte(y), byte(x), 200])).collect()
    }

    fn fed(size: (u32, u32), fit: Fit, last: bool, (w, h): (u32, u32)) -> Vec<f32> {
        let mut out = Vec::new();
        let mut feeder = Feeder::new(Some(size), fit, Pixels { mean: [0.0; 3], deviation: [1.0 / 255.0; 3] }, last);
        assert_eq!(feeder.feed((w, h), &picture(w, h), &mut out), size);
        assert_eq!(out.len(), 3 * size.0 as usize * size.1 as usize);
        out.iter().map(|v| v.round()).collect()
    }

    #[test]
    fn a_letterboxed_picture_is_in_the_middle_of_grey() {
        // 8 × 4 into 8 × 8: two rows of grey above, two below.
        let out = fed((8, 8), Fit::Letterbox, false, (8, 4));
        for (row, values) in out[..64].chunks(8).enumerate() {
            let expected = if (2..6).contains(&row) { row as f32 - 2.0 } else { 114.0 };
            assert!(values.iter().all(|v| *v == expected), "row {row}: {values:?}");
        }
        let columns: Vec<f32> = (0..8).map(|c| c as f32).collect();
        assert_eq!(out[64 + 16..64 + 24], columns);
        assert_eq!(out[128 + 16], 200.0);
    }

    #[test]
    fn an_odd_rest_goes_below_and_to_the_right() {
        let out = fed((5, 4), Fit::Letterbox, false, (4, 4));
        assert_eq!(out[..4], [0.0; 4]);
        assert_eq!(out[16..20], [114.0; 4]);
    }

    #[test]
    fn a_cropped_picture_loses_both_sides() {
        let out = fed((4, 4), Fit::Crop, false, (8, 4));
        assert_eq!(out[16..20], [2.0, 3.0, 4.0, 5.0]);
    }

    /// The two orders hold the same numbers, for any sizes and fits.
    #[test]
    fn channels_last_is_the_transpose_of_channels_first() {
        for (fit, size, picture) in [
            (Fit::Letterbox, (7, 12), (9, 5)),
            (Fit::Letterbox, (12, 7), (30, 40)),
            (Fit::Crop, (6, 6), (7, 11)),
            (Fit::Stretch, (5, 9), (20, 10)),
        ] {
            let (first, last) = (fed(size, fit, false, picture), fed(size, fit, true, picture));
            let pixels = size.0 as usize * size.1 as usize;
            for pixel in 0..pixels {
                for channel in 0..3 {
                    assert_eq!(first[channel * pixels + pixel], last[pixel * 3 + channel], "{fit:?} {size:?}");
                }
            }
        }
    }

    #[test]
    fn a_native_picture_is_what_it_was() {
        let mut out = Vec::new();
        let mut feeder = Feeder::new(None, Fit::Native, Pixels::UNIT, false);
        assert_eq!(feeder.feed((5, 3), &picture(5, 3), &mut out), (3, 5));
        assert_eq!(out[4], 0.0);
        assert_eq!(out[15 + 4], 4.0 / 255.0);
    }

    #[test]
    fn one_pixel_of_a_long_picture_stays() {
        assert_eq!(scaled((10_000, 1), (64, 64), f64::min), (64, 1));
    }
}
