//! Preprocessing: an image of any size as the input that a model was trained on.

use leanset_spec::images::Pixels;

use crate::Fit;
use crate::resize::{Buffers, resize};

/// The grey beside a letterboxed image, as detectors are trained with.
const GREY: u8 = 114;

/// How pixels are normalised: `(v / 255 − mean) / std`, for red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Subtracted from each channel, on the scale of 0 to 1.
    pub mean: [f32; 3],
    /// The divisor of each channel: its standard deviation.
    pub std: [f32; 3],
}

impl Normalisation {
    /// To 0 to 1, as detectors expect.
    pub const UNIT: Self = Self { mean: [0.0; 3], std: [1.0; 3] };
    /// With the mean and standard deviation of ImageNet, as most classifiers expect.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

impl From<Pixels> for Normalisation {
    fn from(pixels: Pixels) -> Self {
        match pixels {
            Pixels::Unit => Self::UNIT,
            Pixels::Imagenet => Self::IMAGENET,
        }
    }
}

/// Makes the input of a model from images.
pub(crate) struct Preprocessor {
    /// Height and width; `None` for those of the image.
    size: Option<(u32, u32)>,
    fit: Fit,
    /// The number of each value of each channel.
    numbers: [[f32; 256]; 3],
    /// Height × width × channels, instead of channels first.
    channels_last: bool,
    buffers: Buffers,
    resized: Vec<u8>,
}

impl Preprocessor {
    pub(crate) fn new(size: Option<(u32, u32)>, fit: Fit, normalisation: Normalisation, channels_last: bool) -> Self {
        let number = |channel: usize, value: usize| {
            #[allow(clippy::cast_precision_loss)] // a byte
            let value = value as f32 / 255.0;
            (value - normalisation.mean[channel]) / normalisation.std[channel]
        };
        let numbers = std::array::from_fn(|channel| std::array::from_fn(|value| number(channel, value)));
        Self { size, fit, numbers, channels_last, buffers: Buffers::default(), resized: Vec::new() }
    }

    /// Appends the input values of an image of red, green and blue bytes; returns its height and width.
    pub(crate) fn append(&mut self, size: (u32, u32), rgb: &[u8], out: &mut Vec<f32>) -> (usize, usize) {
        let size = (size.0 as usize, size.1 as usize);
        let (rows, columns) = self.size.map_or((size.1, size.0), |(h, w)| (h as usize, w as usize));
        let scaled = match self.fit {
            Fit::Native => size,
            Fit::Stretch => (columns, rows),
            Fit::Letterbox => scaled(size, (columns, rows), f64::min),
            Fit::Crop => scaled(size, (columns, rows), f64::max),
        };
        // What is cut off is not scaled first: of a long image that is nearly all of it.
        let part = |scaled: usize, kept: usize| {
            let first = scaled.saturating_sub(kept).div_ceil(2);
            first..first + scaled.min(kept)
        };
        let (across, down) = (part(scaled.0, columns), part(scaled.1, rows));
        let (w, h) = (across.len(), down.len());
        let pixels = if scaled == size && (w, h) == size {
            rgb
        } else {
            resize(size, rgb, scaled, (across, down), &mut self.buffers, &mut self.resized);
            &self.resized
        };
        let (left, top) = ((columns - w) / 2, (rows - h) / 2);
        let begin = out.len();
        out.reserve(3 * rows * columns);
        if self.channels_last {
            let grey = self.numbers.map(|numbers| numbers[usize::from(GREY)]);
            (0..rows * columns).for_each(|_| out.extend(grey));
            for (row, pixels) in pixels.chunks_exact(3 * w).enumerate() {
                let place = begin + 3 * ((top + row) * columns + left);
                for (at, (to, &value)) in out[place..place + 3 * w].iter_mut().zip(pixels).enumerate() {
                    *to = self.numbers[at % 3][usize::from(value)];
                }
            }
        } else {
            for (channel, numbers) in self.numbers.iter().enumerate() {
                let begin = begin + channel * rows * columns;
                out.resize(begin + rows * columns, numbers[usize::from(GREY)]);
                for (row, pixels) in pixels.chunks_exact(3 * w).enumerate() {
                    let place = begin + (top + row) * columns + left;
                    let values = pixels[channel..].iter().step_by(3);
                    for (to, &value) in out[place..place + w].iter_mut().zip(values) {
                        *to = numbers[usize::from(value)];
                    }
                }
            }
        }
        (rows, columns)
    }
}

/// The size of an image that is scaled to fit into another, or to cover it.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // sides of images
fn scaled((w, h): (usize, usize), (columns, rows): (usize, usize), which: fn(f64, f64) -> f64) -> (usize, usize) {
    let scale = which(columns as f64 / w as f64, rows as f64 / h as f64);
    let side = |side: usize| (side as f64 * scale).round_ties_even().max(1.0) as usize;
    (side(w), side(h))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image whose pixel at row y, column x is (y, x, 200).
    fn image(width: u32, height: u32) -> Vec<u8> {
        let byte = |v: u32| u8::try_from(v).expect("a byte");
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [byte(y), byte(x), 200])).collect()
    }

    fn fed(size: (u32, u32), fit: Fit, last: bool, (w, h): (u32, u32)) -> Vec<f32> {
        let mut out = Vec::new();
        let mut preprocessor =
            Preprocessor::new(Some(size), fit, Normalisation { mean: [0.0; 3], std: [1.0 / 255.0; 3] }, last);
        assert_eq!(preprocessor.append((w, h), &image(w, h), &mut out), (size.0 as usize, size.1 as usize));
        assert_eq!(out.len(), 3 * size.0 as usize * size.1 as usize);
        out.iter().map(|v| v.round()).collect()
    }

    #[test]
    fn letterbox_centres_the_image_on_grey() {
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
    fn letterbox_puts_an_odd_rest_below_and_right() {
        let out = fed((5, 4), Fit::Letterbox, false, (4, 4));
        assert_eq!(out[..4], [0.0; 4]);
        assert_eq!(out[16..20], [114.0; 4]);
    }

    #[test]
    fn crop_cuts_both_sides() {
        let out = fed((4, 4), Fit::Crop, false, (8, 4));
        assert_eq!(out[16..20], [2.0, 3.0, 4.0, 5.0]);
    }

    /// The two orders hold the same numbers, for any sizes and fits.
    #[test]
    fn preprocessor_orders_channels_first_or_last() {
        for (fit, size, image) in [
            (Fit::Letterbox, (7, 12), (9, 5)),
            (Fit::Letterbox, (12, 7), (30, 40)),
            (Fit::Crop, (6, 6), (7, 11)),
            (Fit::Stretch, (5, 9), (20, 10)),
        ] {
            let (first, last) = (fed(size, fit, false, image), fed(size, fit, true, image));
            let pixels = size.0 as usize * size.1 as usize;
            for pixel in 0..pixels {
                for channel in 0..3 {
                    assert_eq!(first[channel * pixels + pixel], last[pixel * 3 + channel], "{fit:?} {size:?}");
                }
            }
        }
    }

    #[test]
    fn native_keeps_the_image() {
        let mut out = Vec::new();
        let mut preprocessor = Preprocessor::new(None, Fit::Native, Normalisation::UNIT, false);
        assert_eq!(preprocessor.append((5, 3), &image(5, 3), &mut out), (3, 5));
        assert_eq!(out[4], 0.0);
        assert_eq!(out[15 + 4], 4.0 / 255.0);
    }

    #[test]
    fn crop_scales_as_stretch_does() {
        // 20 × 8 to 10 × 4, of which the middle four columns stay.
        let (cropped, stretched) = (fed((4, 4), Fit::Crop, false, (20, 8)), fed((4, 10), Fit::Stretch, false, (20, 8)));
        for (row, values) in cropped.chunks(4).enumerate() {
            assert_eq!(values, &stretched[10 * row + 3..10 * row + 7]);
        }
    }

    #[test]
    fn scaled_keeps_at_least_one_pixel() {
        assert_eq!(scaled((10_000, 1), (64, 64), f64::min), (64, 1));
    }
}
