//! A budget that balances the objects of classes instead of the images of categories.
//!
//! Let v_gc be the mean number of objects of class c in an image of category g, and N_c = Σ_g m_g v_gc the expected number in
//! a selection with m_g images of each category. One image after another goes to the category that leaves
//! Σ_c N_c² / (Σ_c N_c)² lowest, which is lowest where all N_c are equal. Ties go to the first category; images without
//! objects come last. Cost: O(total · classes per category, summed over categories).

use crate::{Categories, ImageSet};

/// Images of each category, `total` in all: at least one of each if `floor`, and never more than there are. `images` are
/// those that the categories are of.
pub fn balanced_counts(
    set: &ImageSet,
    images: &[usize],
    categories: &Categories,
    total: usize,
    floor: bool,
) -> Vec<usize> {
    let mut objects = vec![std::collections::BTreeMap::<u32, usize>::new(); categories.names.len()];
    for (&image, &category) in images.iter().zip(&categories.codes) {
        for object in &set.images[image].objects {
            *objects[category as usize].entry(object.class).or_insert(0) += 1;
        }
    }
    let objects: Vec<Vec<(usize, usize)>> =
        objects.into_iter().map(|o| o.into_iter().map(|(class, n)| (class as usize, n)).collect()).collect();
    deal(&objects, &categories.sizes(), set.classes.len(), total, floor)
}

/// `objects`: for each category, its classes and how many objects of each are on all its images.
fn deal(objects: &[Vec<(usize, usize)>], sizes: &[usize], classes: usize, total: usize, floor: bool) -> Vec<usize> {
    let mut counts: Vec<usize> = sizes.iter().map(|&s| usize::from(floor && s > 0)).collect();
    let mean = |category: usize, n: usize| n as f64 / sizes[category] as f64;
    let mut expected = vec![0.0; classes];
    for (category, of) in objects.iter().enumerate() {
        for &(class, n) in of {
            expected[class] += counts[category] as f64 * mean(category, n);
        }
    }
    let dealt: usize = counts.iter().sum();
    for _ in dealt..total.min(sizes.iter().sum()) {
        let (sum, squares) = expected.iter().fold((0.0, 0.0), |(sum, squares), n| (sum + n, squares + n * n));
        let uneven = |category: usize| {
            let after = |(sum, squares): (f64, f64), &(class, n): &(usize, usize)| {
                let more = mean(category, n);
                (sum + more, squares + (2.0 * expected[class] + more) * more)
            };
            let (sum, squares) = objects[category].iter().fold((sum, squares), after);
            if objects[category].is_empty() { f64::INFINITY } else { squares / (sum * sum) }
        };
        let mut best: Option<(f64, usize)> = None;
        for category in (0..sizes.len()).filter(|&c| counts[c] < sizes[c]) {
            let uneven = uneven(category);
            if best.is_none_or(|(least, _)| uneven < least) {
                best = Some((uneven, category));
            }
        }
        let Some((_, category)) = best else { break };
        counts[category] += 1;
        for &(class, n) in &objects[category] {
            expected[class] += mean(category, n);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deal_evens_out_classes_as_far_as_there_are_images() {
        // 90 images of one class, 10 of another, an object each.
        let objects = [vec![(0, 90)], vec![(1, 10)]];
        for (total, even) in [(2, [1, 1]), (7, [4, 3]), (20, [10, 10]), (40, [30, 10]), (100, [90, 10])] {
            assert_eq!(deal(&objects, &[90, 10], 2, total, true), even, "{total}");
        }
    }

    #[test]
    fn deal_counts_objects_and_not_images() {
        // Four objects on an image of the first, one on one of the second.
        let counts = deal(&[vec![(0, 400)], vec![(1, 100)]], &[100, 100], 2, 50, true);
        assert_eq!(counts, [10, 40]);
        // A mixed category serves both classes, and images of nothing come last.
        let counts = deal(&[vec![], vec![(0, 10)], vec![(0, 10), (1, 10)]], &[10, 10, 10], 2, 14, true);
        assert_eq!(counts, [1, 3, 10]);
        assert_eq!(deal(&[vec![], vec![(0, 10)]], &[10, 10], 1, 14, false), [4, 10]);
    }
}
