//! Budgets against the rule written out: exact shares, largest remainders first, ties to the lower class.

use leanset_core::{Budget, EmptyClasses};
use proptest::prelude::*;

/// The rule by the definition, one row at a time.
fn by_hand(total: usize, sizes: &[usize], floor: EmptyClasses) -> Vec<usize> {
    let mut counts = vec![0; sizes.len()];
    let mut open: Vec<usize> = (0..sizes.len()).filter(|&k| sizes[k] > 0).collect();
    let mut left = total;
    // The smallest class first: raising it lowers the shares of the others.
    loop {
        let rows: usize = open.iter().map(|&k| sizes[k]).sum();
        let below = open
            .iter()
            .copied()
            .filter(|&k| floor == EmptyClasses::Forbid && left * sizes[k] < rows)
            .min_by_key(|&k| (sizes[k], k));
        let Some(k) = below else { break };
        counts[k] = 1;
        left -= 1;
        open.retain(|&o| o != k);
    }
    let rows: usize = open.iter().map(|&k| sizes[k]).sum();
    for &k in &open {
        counts[k] = left * sizes[k] / rows;
    }
    let mut missing = left - open.iter().map(|&k| counts[k]).sum::<usize>();
    let mut waiting = open.clone();
    while missing > 0 {
        let remainder = |k: usize| left * sizes[k] % rows;
        let largest = waiting.iter().map(|&k| remainder(k)).max().expect("a class that waits");
        let place = waiting.iter().position(|&k| remainder(k) == largest).expect("the lowest class of these");
        counts[waiting.remove(place)] += 1;
        missing -= 1;
    }
    counts
}

#[test]
fn equal_remainders_go_to_the_lower_class() {
    let deal = |total, sizes: &[usize]| Budget::Count(total).allocate(sizes, EmptyClasses::Forbid).expect("valid").0;
    assert_eq!(deal(6, &[5, 5, 5, 5]).per_class(), [2, 2, 1, 1]);
    assert_eq!(deal(5, &[3, 3, 0, 6]).per_class(), [1, 1, 0, 3]);
    assert_eq!(deal(7, &[4, 4, 4]).per_class(), [3, 2, 2]);
}

#[test]
fn ratio_is_the_nearest_count() {
    let total = |ratio, rows| Budget::Ratio(ratio).allocate(&[rows], EmptyClasses::Forbid).expect("valid").0.total();
    assert_eq!([total(0.1, 14), total(0.1, 15), total(0.1, 16), total(0.26, 10), total(1.0, 7)], [1, 2, 2, 3, 7]);
    // 0.1 · 13,611 is 1361.1 and 0.29 · 100 is 28.999999999999996: neither is cut off.
    assert_eq!([total(0.1, 13_611), total(0.29, 100), total(0.57, 100)], [1361, 29, 57]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn allocation_is_that_of_the_rule(
        sizes in prop::collection::vec(0usize..30, 1..9), part in 0.0f64..=1.0, zero in any::<bool>()
    ) {
        let rows: usize = sizes.iter().sum();
        let populated = sizes.iter().filter(|&&s| s > 0).count();
        prop_assume!(rows > 0);
        let floor = if zero { EmptyClasses::Allow } else { EmptyClasses::Forbid };
        let least = if zero { 1 } else { populated };
        let total = least + ((rows - least) as f64 * part) as usize;
        let (found, warnings) = Budget::Count(total).allocate(&sizes, floor).expect("valid");
        prop_assert_eq!(found.per_class(), by_hand(total, &sizes, floor));
        prop_assert!(warnings.is_empty() && !found.is_fixed_per_class());
    }
}
