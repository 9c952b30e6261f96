//! The laws every method keeps, tested over every registered method with its defaults and each of its variants.
//!
//! A new method is tested by being in the list. Each law runs over a set of awkward shapes, and all of them again over
//! random ones. What a method cannot do, or does otherwise, is one of its capabilities and never an exception here.
//!
//! Laws share runs: [`Subject::reduced`] and [`Subject::ranked`] are made once for each method, sample and budget.

use std::collections::HashSet;

use crate::common::{
    Random, SAMPLES, SEED, SUBJECTS, Sample, Subject, Watch, blobs, continuous, near, on_threads, stops_at_every_look,
    subjects,
};
use leanset_core::dynamics::SCORES;
use leanset_core::methods::{METHODS, Run, Support};
use leanset_core::params::Value;
use leanset_core::{
    Allocation, Budget, ClassId, Classes, Dataset, Dynamics, EmptyClasses, Error, Guard, Inputs, LogError, Matrix,
    Quiet, Ranking, Reduced, Reducer, Reduction, RowId, Scope, Seed, Selection, Shape,
};
use proptest::prelude::*;

/// Runs a law over every method and sample.
fn everywhere(law: impl Fn(&Subject, &Sample)) {
    for sample in SAMPLES.iter() {
        for subject in SUBJECTS.iter() {
            law(subject, sample);
        }
    }
}

/// Whether a method refuses this sample whatever the budget, as it may for want of classes alone.
fn refuses(subject: &Subject, sample: &Sample) -> bool {
    let needed = subject.reducer.least_classes();
    subject.reduced(sample, &Budget::Ratio(1.0), EmptyClasses::Forbid, |run| match &run.result {
        Ok(_) => {
            assert!(sample.populated() >= needed, "{} accepts {}", subject.name, sample.name);
            false
        }
        Err(Error::Data { method, hint, .. }) if sample.populated() < needed => {
            assert_eq!(*method, subject.reducer.info().id);
            assert!(!hint.to_string().is_empty());
            true
        }
        Err(other) => panic!("{} refuses {}: {other}", subject.name, sample.name),
    })
}

/// Budgets worth asking of a sample.
fn budgets(sample: &Sample) -> Vec<Budget> {
    let (n, least) = (sample.rows(), sample.populated());
    let mut budgets: Vec<Budget> = [0.01, 0.1, 0.33, 0.5, 0.9, 1.0].map(Budget::Ratio).into();
    let mut counts = vec![1, least, least + 1, n.div_ceil(3), n.saturating_sub(1), n];
    counts.retain(|&c| c >= 1 && c <= n);
    counts.sort_unstable();
    counts.dedup();
    budgets.extend(counts.into_iter().map(Budget::Count));
    budgets
}

/// A total below the smallest that the method can keep of these classes.
fn is_too_small(subject: &Subject, sample: &Sample, allocation: &Allocation) -> bool {
    allocation.total() < subject.reducer.smallest_total(&sample.classes())
}

fn reduce(subject: &Subject, data: &Dataset<'_>, budget: &Budget, floor: EmptyClasses) -> Result<Reduction, Error> {
    subject.reduce(data, budget, floor, SEED, &Quiet)
}

/// The counts asked are those that come back; no row twice; every row of its class; weights and points sound.
fn check_reduction(who: &str, subject: &Subject, sample: &Sample, allocation: &Allocation, reduction: &Reduction) {
    let classes = sample.classes();
    let counts = match &reduction.reduced {
        Reduced::Rows(selection) => {
            let distinct: HashSet<_> = selection.rows().iter().collect();
            assert_eq!(distinct.len(), selection.rows().len(), "{who}: a row twice");
            for class in classes.ids() {
                for &row in selection.class(class) {
                    assert_eq!(classes.of(row), class, "{who}: row {row} is of another class");
                }
            }
            if let Some(weights) = selection.weights() {
                assert_eq!(weights.len(), selection.rows().len(), "{who}: weights");
                assert!(weights.iter().all(|w| w.is_finite() && *w >= 0.0), "{who}: weights {weights:?}");
            }
            let mut sorted: Vec<_> = selection.input_order().into_iter().map(|i| selection.rows()[i]).collect();
            assert!(sorted.windows(2).all(|w| w[0] < w[1]), "{who}: not in input order");
            sorted.dedup();
            assert_eq!(sorted.len(), selection.rows().len(), "{who}: input order");
            selection.counts()
        }
        Reduced::Points(points) => {
            assert_ne!(subject.reducer.info().capabilities.prototypes, Support::No, "{who}: prototypes");
            assert_eq!(points.columns, sample.columns, "{who}: columns");
            assert_eq!(points.points.len(), points.classes.len() * points.columns, "{who}: values");
            assert_eq!(points.weights.len(), points.classes.len(), "{who}: weights");
            assert!(points.points.iter().all(|v| v.is_finite()), "{who}: a point is not finite");
            assert!(points.weights.iter().all(|w| w.is_finite() && *w >= 0.0), "{who}: weights");
            assert!(points.classes.is_sorted(), "{who}: classes are not ascending");
            points.counts(classes.len())
        }
    };
    match subject.reducer.scope() {
        Scope::PerClass => assert_eq!(counts, allocation.per_class(), "{who}: counts"),
        Scope::Global => assert_eq!(counts.iter().sum::<usize>(), allocation.total(), "{who}: total"),
    }
    // One warning, which names the first few of the lost classes and counts the others.
    let sizes = classes.sizes();
    let lost: Vec<_> = classes.ids().filter(|c| sizes[c.index()] > 0 && counts[c.index()] == 0).collect();
    let warned: Vec<String> =
        reduction.warnings.iter().filter(|w| w.code == "class-lost").map(|w| w.message.to_string()).collect();
    assert_eq!(warned.len(), usize::from(!lost.is_empty()), "{who}: a lost class is reported, once");
    for class in lost.iter().take(6) {
        let name = format!("{} (of {} rows)", classes.name(*class), sizes[class.index()]);
        assert!(warned[0].contains(&name), "{who}: {name} is not named in {}", warned[0]);
    }
    if lost.len() > 6 {
        assert!(warned[0].ends_with(&format!("and {} more", lost.len() - 6)), "{who}: {}", warned[0]);
    }
}

fn exact_budget(subject: &Subject, sample: &Sample) {
    if refuses(subject, sample) {
        return;
    }
    for budget in budgets(sample) {
        let allocate = |empty| budget.allocate(&sample.sizes(), empty);
        for empty in [EmptyClasses::Forbid, EmptyClasses::Allow] {
            // Where both are one allocation, large samples are asked once.
            if empty == EmptyClasses::Allow && sample.rows() > 1000 && allocate(empty) == allocate(EmptyClasses::Forbid)
            {
                continue;
            }
            let who = format!("{} on {}, {budget:?} {empty:?}", subject.name, sample.name);
            subject.reduced(sample, &budget, empty, |run| match (allocate(empty), &run.result) {
                (Ok((allocation, _)), Ok(reduction)) => {
                    assert!(!is_too_small(subject, sample, &allocation), "{who}: it is below the smallest total");
                    check_reduction(&who, subject, sample, &allocation, reduction);
                }
                (Err(asked), Err(got)) => assert_eq!(&asked, got, "{who}"),
                (Ok((allocation, _)), Err(Error::Data { .. })) if is_too_small(subject, sample, &allocation) => {}
                (asked, got) => panic!("{who}: {asked:?} gives {got:?}"),
            });
        }
    }
}

#[test]
fn reduce_keeps_exactly_the_budget() {
    everywhere(exact_budget);
}

fn per_class_budget(subject: &Subject, sample: &Sample) {
    if refuses(subject, sample) {
        return;
    }
    let sizes = sample.sizes();
    let half: Vec<usize> = sizes.iter().map(|s| s.div_ceil(2)).collect();
    let mut uneven: Vec<usize> = sizes.iter().enumerate().map(|(k, s)| s / (k + 2)).collect();
    let first = sizes.iter().position(|&s| s > 0).unwrap_or(0);
    uneven[first] = sizes[first];
    let mut only_last = vec![0; sizes.len()];
    let last = sizes.iter().rposition(|&s| s > 0).unwrap_or(0);
    only_last[last] = 1;
    for counts in [half, uneven, only_last, sizes.clone()] {
        let who = format!("{} on {}, counts {counts:?}", subject.name, sample.name);
        let budget = Budget::PerClass(counts);
        let (allocation, _) = budget.allocate(&sizes, EmptyClasses::Forbid).unwrap_or_else(|e| panic!("{who}: {e}"));
        match (subject.reducer.scope(), reduce(subject, &sample.data(), &budget, EmptyClasses::Forbid)) {
            (Scope::PerClass, Ok(reduction)) => check_reduction(&who, subject, sample, &allocation, &reduction),
            (Scope::Global, Err(Error::Unsupported { method, hint, .. })) => {
                assert_eq!(method, subject.reducer.info().id, "{who}");
                assert!(!hint.to_string().is_empty(), "{who}");
            }
            (scope, other) => panic!("{who}, {scope:?}: {other:?}"),
        }
    }
}

#[test]
fn reduce_keeps_counts_per_class_or_refuses() {
    everywhere(per_class_budget);
    for subject in subjects() {
        let data = blobs("", &[9, 9], 2, 1);
        for wrong in [vec![1], vec![1, 1, 1], vec![10, 1], vec![0, 0]] {
            let found = reduce(&subject, &data.data(), &Budget::PerClass(wrong.clone()), EmptyClasses::Forbid);
            assert!(matches!(found, Err(Error::Budget(_))), "{}: {wrong:?} gives {found:?}", subject.name);
        }
    }
}

#[test]
fn reduce_refuses_a_budget_that_cannot_be_met() {
    let sample = blobs("blobs", &[9, 9], 2, 1);
    for subject in subjects() {
        for wrong in [
            Budget::Ratio(0.0),
            Budget::Ratio(-0.1),
            Budget::Ratio(1.1),
            Budget::Ratio(f64::NAN),
            Budget::Count(0),
            Budget::Count(1),
            Budget::Count(19),
        ] {
            let found = reduce(&subject, &sample.data(), &wrong, EmptyClasses::Forbid);
            assert!(matches!(found, Err(Error::Budget(_))), "{}: {wrong:?} gives {found:?}", subject.name);
        }
    }
}

/// Everything of a keeps-all reduction.
fn keeps_all(subject: &Subject, sample: &Sample) {
    if refuses(subject, sample) {
        return;
    }
    let who = format!("{} on {}", subject.name, sample.name);
    subject.reduced(sample, &Budget::Ratio(1.0), EmptyClasses::Forbid, |run| {
        let kept = run.result.as_ref().unwrap_or_else(|e| panic!("{who}: {e}"));
        assert_eq!(kept.reduced.len(), sample.rows(), "{who}");
        if let Some(selection) = kept.reduced.rows() {
            let sorted: Vec<RowId> = selection.input_order().into_iter().map(|i| selection.rows()[i]).collect();
            assert_eq!(sorted, (0..sample.rows()).map(RowId::at).collect::<Vec<_>>(), "{who}");
        }
    });
}

#[test]
fn reduce_at_ratio_one_keeps_everything() {
    everywhere(keeps_all);
}

/// The budgets of a transcript.
const TRANSCRIPT: [Budget; 3] = [Budget::Ratio(0.1), Budget::Ratio(0.5), Budget::Ratio(0.9)];

/// All a method has to say about a sample, as text in which equal means equal bits.
fn transcript(subject: &Subject, data: &Dataset<'_>, seed: Seed) -> String {
    let mut text = String::new();
    for budget in TRANSCRIPT {
        let found = subject.reduce(data, &budget, EmptyClasses::Forbid, seed, &Quiet);
        text += &format!("{budget:?}: {found:?}\n");
    }
    text + &format!("{:?}", subject.rank(data, None, seed, &Quiet))
}

/// The transcript by [`SEED`], of runs that all laws share.
fn shared_transcript(subject: &Subject, sample: &Sample) -> String {
    let mut text = String::new();
    for budget in TRANSCRIPT {
        subject.reduced(sample, &budget, EmptyClasses::Forbid, |run| {
            text += &format!("{budget:?}: {:?}\n", run.result);
        });
    }
    text + &subject.ranked(sample, None, |run| format!("{:?}", run.result))
}

/// One seed gives one result, on any number of threads.
fn deterministic(subject: &Subject, sample: &Sample) {
    let data = sample.data();
    let shared = shared_transcript(subject, sample);
    for threads in [1, 2, 8] {
        let own = on_threads(threads, || transcript(subject, &data, SEED));
        assert!(shared == own, "{} on {}: {threads} threads change the result", subject.name, sample.name);
    }
}

#[test]
fn results_are_independent_of_threads() {
    everywhere(deterministic);
}

fn precision_free(subject: &Subject, sample: &Sample) {
    let single: Vec<f32> = sample.values.iter().map(|&v| v as f32).collect();
    let widened: Vec<f64> = single.iter().map(|&v| f64::from(v)).collect();
    if single.iter().any(|v| !v.is_finite()) {
        return;
    }
    let narrow = Matrix::new(&single, sample.rows(), sample.columns).and_then(|m| Dataset::new(m, sample.classes()));
    let wide = Matrix::new(&widened, sample.rows(), sample.columns).and_then(|m| Dataset::new(m, sample.classes()));
    let (narrow, wide) = (narrow.expect("the f32 view"), wide.expect("the f64 view"));
    let same = transcript(subject, &narrow, SEED) == transcript(subject, &wide, SEED);
    assert!(same, "{} on {}: f32 and the same values as f64 differ", subject.name, sample.name);
}

#[test]
fn results_of_f32_equal_those_of_widened_values() {
    everywhere(precision_free);
}

fn seeded(subject: &Subject, sample: &Sample) {
    // A result that does not depend on row ids cannot depend on what is hashed from them.
    if subject.reducer.info().capabilities.seeded == Support::No || subject.reducer.order_free() {
        let (data, one) = (sample.data(), shared_transcript(subject, sample));
        for seed in [Seed(2), Seed(u64::MAX)] {
            let same = one == transcript(subject, &data, seed);
            assert!(same, "{} on {}: the seed matters", subject.name, sample.name);
        }
    }
}

#[test]
fn seed_decides_what_is_declared() {
    everywhere(seeded);
    // And where a method says it is always seeded, the seed is heard.
    let sample = blobs("blobs", &[90, 60, 30], 3, 1);
    for subject in subjects() {
        if subject.reducer.info().capabilities.seeded == Support::Yes {
            let differ = transcript(&subject, &sample.data(), Seed(1)) != transcript(&subject, &sample.data(), Seed(2));
            assert!(differ, "{}: the seed is ignored", subject.name);
        }
    }
}

/// The segments of a ranking with their scores.
fn segments(ranking: &Ranking) -> Vec<Vec<(RowId, f64)>> {
    let mut scores = ranking.scores().iter();
    ranking.segments().map(|s| s.iter().map(|&r| (r, *scores.next().expect("a score a row"))).collect()).collect()
}

/// Equal rows, and scores of equal bits (NaN is NaN).
fn same(a: &[(RowId, f64)], b: &[(RowId, f64)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.0 == y.0 && x.1.to_bits() == y.1.to_bits())
}

fn nested(subject: &Subject, sample: &Sample) {
    let who = format!("{} on {}", subject.name, sample.name);
    let ranked = subject.ranked(sample, None, |run| run.result.clone());
    if subject.reducer.ranks() != Support::Yes {
        if refuses(subject, sample) {
            assert!(matches!(ranked, Err(Error::Data { .. } | Error::Unsupported { .. })), "{who}: {ranked:?}");
            return;
        }
        match ranked {
            Err(Error::Unsupported { method, hint, .. }) => {
                assert_eq!(method, subject.reducer.info().id, "{who}");
                assert!(!hint.to_string().is_empty(), "{who}");
            }
            other => panic!("{who}: it does not rank, but gives {other:?}"),
        }
        return;
    }
    if refuses(subject, sample) {
        assert!(matches!(ranked, Err(Error::Data { .. })), "{who}: {ranked:?}");
        return;
    }
    let full = ranked.unwrap_or_else(|e| panic!("{who}: {e}"));
    let classes = sample.classes();
    assert_eq!(full.scope(), subject.reducer.scope(), "{who}: scope");
    assert_eq!(full.scores().len(), full.rows().len(), "{who}: a score a row");
    assert_eq!(full.segments().count(), if full.scope() == Scope::Global { 1 } else { classes.len() }, "{who}");
    let distinct: HashSet<_> = full.rows().iter().collect();
    assert_eq!((distinct.len(), full.rows().len()), (sample.rows(), sample.rows()), "{who}: every row once");
    if full.scope() == Scope::PerClass {
        for (segment, class) in full.segments().zip(classes.ids()) {
            assert!(segment.iter().all(|&r| classes.of(r) == class), "{who}: a row in another class");
        }
    }
    assert_eq!(full.ranks().count(), sample.rows(), "{who}: ranks");
    let whole = segments(&full);
    for segment in &whole {
        // What is kept without a score comes first, and is not most of it.
        let unscored = segment.iter().take_while(|s| s.1.is_nan()).count();
        assert!(segment[unscored..].iter().all(|s| s.1.is_finite()), "{who}: scores");
        let small = sample.sizes().iter().any(|&s| s > 0 && s < 5);
        assert!(small || 2 * unscored <= segment.len(), "{who}: {unscored} of {} have no score", segment.len());
    }
    let mut selections: Vec<(Allocation, Vec<Vec<RowId>>)> = Vec::new();
    for budget in budgets(sample) {
        let who = format!("{who}, {budget:?}");
        let Ok((allocation, _)) = budget.allocate(&sample.sizes(), EmptyClasses::Forbid) else { continue };
        // A ranking that stops early is the beginning of the whole one, and long enough.
        let part = subject.ranked(sample, Some(&allocation), |run| run.result.clone());
        let part = part.unwrap_or_else(|e| panic!("{who}: {e}"));
        part.check_depth(&allocation).unwrap_or_else(|e| panic!("{who}: {e}"));
        for (part, whole) in segments(&part).iter().zip(&whole) {
            assert!(same(part, &whole[..part.len()]), "{who}: a shorter ranking is not its beginning");
        }
        let prefix = full.select(&allocation, &classes).unwrap_or_else(|e| panic!("{who}: {e}"));
        match subject.reduced(sample, &budget, EmptyClasses::Forbid, |run| run.result.clone()) {
            Ok(reduction) => {
                let kept = reduction.reduced.rows().unwrap_or_else(|| panic!("{who}: a method that ranks keeps rows"));
                assert_eq!(kept.rows(), prefix.rows(), "{who}: not the beginning of the ranking");
                let slice =
                    full.reduce(&classes, &budget, EmptyClasses::Forbid).unwrap_or_else(|e| panic!("{who}: {e}"));
                // The weights of a prefix are no prefix of weights: a slice has none, and equals a reduction in its rows.
                if !subject.reducer.info().gives_weights() {
                    assert_eq!(slice.reduced, reduction.reduced, "{who}: a slice of the ranking");
                }
                assert_eq!(
                    slice.reduced.rows().map(Selection::rows),
                    Some(kept.rows()),
                    "{who}: a slice of the ranking"
                );
                assert_eq!(slice.warnings, reduction.warnings, "{who}: a slice of the ranking");
                for (name, value) in &slice.diagnostics {
                    assert_eq!(Some(value), reduction.diagnostics.get(name), "{who}: {name} of a slice of the ranking");
                }
                let rows = classes.ids().map(|c| kept.class(c).to_vec()).collect();
                selections.push((allocation, rows));
            }
            Err(Error::Data { .. }) if is_too_small(subject, sample, &allocation) => {}
            Err(other) => panic!("{who}: {other}"),
        }
    }
    assert!(!selections.is_empty(), "{who}: nothing was compared");
    for (small, of_small) in &selections {
        for (large, of_large) in &selections {
            let below = match subject.reducer.scope() {
                Scope::Global => small.total() <= large.total(),
                Scope::PerClass => small.per_class().iter().zip(large.per_class()).all(|(a, b)| a <= b),
            };
            if below {
                for (k, (a, b)) in of_small.iter().zip(of_large).enumerate() {
                    let held: HashSet<_> = b.iter().collect();
                    assert!(a.iter().all(|r| held.contains(r)), "{who}, class {k}: {small:?} is not within {large:?}");
                }
            }
        }
    }
}

#[test]
fn selections_are_nested_where_a_method_ranks() {
    everywhere(nested);
}

#[test]
fn method_ranks_without_a_reducer() {
    // Without `Reducer` in between, `Method::rank` may be called by a pipeline of one's own.
    let sample = blobs("blobs", &[20, 10], 2, 3);
    for subject in subjects() {
        let info = subject.reducer.info();
        let method = (info.build)(subject.reducer.params()).unwrap_or_else(|e| panic!("{}: {e}", subject.name));
        assert_eq!(method.ranks(), subject.reducer.ranks(), "{}", subject.name);
        if method.ranks() == Support::Yes {
            let data = sample.data();
            let dynamics = subject.dynamics(&data);
            let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
            let ranking = method.rank(&Run { data: &data, inputs, seed: SEED, monitor: &Quiet }, None);
            assert!(ranking.is_ok(), "{}: {ranking:?}", subject.name);
        }
    }
}

/// Equal rows position by position, except where the scores leave the order open.
fn check_same_order(who: &str, old: &[(RowId, f64)], new: &[(RowId, f64)]) {
    assert_eq!(old.len(), new.len(), "{who}");
    let by_row = |list: &[(RowId, f64)]| {
        let mut list = list.to_vec();
        list.sort_unstable_by_key(|x| x.0);
        list
    };
    for (a, b) in by_row(old).iter().zip(by_row(new)) {
        assert_eq!(a.0, b.0, "{who}: other rows");
        let close = near(a.1, b.1, 1e-9) || (a.1.is_nan() && b.1.is_nan());
        assert!(close, "{who}: row {} scores {} and then {}", a.0, a.1, b.1);
    }
    for (place, (a, b)) in old.iter().zip(new).enumerate() {
        let open = near(a.1, b.1, 1e-9) && near(old[place].1, new[place].1, 1e-9);
        assert!(a.0 == b.0 || open, "{who}: place {place} holds row {} and then {}", a.0, b.0);
    }
}

fn order_free(subject: &Subject, sample: &Sample, order: &[usize]) {
    if !subject.reducer.order_free() || refuses(subject, sample) {
        return;
    }
    let who = format!("{} on {}, rows in another order", subject.name, sample.name);
    let other = sample.permuted(order);
    let back = |row: RowId| RowId::at(order[row.index()]);
    if subject.reducer.ranks() == Support::Yes {
        let rank = |s: &Sample| subject.rank(&s.data(), None, SEED, &Quiet).unwrap_or_else(|e| panic!("{who}: {e}"));
        for (old, new) in segments(&rank(sample)).iter().zip(segments(&rank(&other))) {
            let new: Vec<_> = new.into_iter().map(|(r, s)| (back(r), s)).collect();
            check_same_order(&who, old, &new);
        }
    }
    for budget in [Budget::Ratio(0.3), Budget::Ratio(0.7)] {
        let kept = |s: &Sample| {
            reduce(subject, &s.data(), &budget, EmptyClasses::Forbid).unwrap_or_else(|e| panic!("{who}: {e}"))
        };
        let (old, new) = (kept(sample), kept(&other));
        if let (Some(old), Some(new)) = (old.reduced.rows(), new.reduced.rows()) {
            let old: HashSet<RowId> = old.rows().iter().copied().collect();
            let new: HashSet<RowId> = new.rows().iter().map(|&r| back(r)).collect();
            assert_eq!(old, new, "{who}, {budget:?}");
        }
    }
}

#[test]
fn order_free_methods_ignore_the_order_of_rows() {
    let mut tested = 0;
    for sample in continuous() {
        for subject in subjects() {
            tested += usize::from(subject.reducer.order_free());
            for seed in 0..3 {
                order_free(&subject, &sample, &Random(seed).permutation(sample.rows()));
            }
        }
    }
    assert!(tested > 0, "no method was tested");
}

#[test]
fn capabilities_are_those_of_the_parameters() {
    for subject in subjects() {
        match subject.reducer.info().capabilities.order_free {
            Support::Yes => assert!(subject.reducer.order_free(), "{}", subject.name),
            Support::No => assert!(!subject.reducer.order_free(), "{}", subject.name),
            Support::When(_) => {}
        }
        match subject.reducer.info().capabilities.scale_free {
            Support::Yes => assert!(subject.reducer.scale_free(), "{}", subject.name),
            Support::No => assert!(!subject.reducer.scale_free(), "{}", subject.name),
            Support::When(_) => {}
        }
        match subject.reducer.info().capabilities.nested {
            Support::Yes => assert_eq!(subject.reducer.ranks(), Support::Yes, "{}", subject.name),
            Support::No => assert_eq!(subject.reducer.ranks(), Support::No, "{}", subject.name),
            Support::When(_) => {}
        }
        match subject.reducer.info().capabilities.per_class {
            Support::Yes => assert_eq!(subject.reducer.scope(), Scope::PerClass, "{}", subject.name),
            Support::No => assert_eq!(subject.reducer.scope(), Scope::Global, "{}", subject.name),
            Support::When(_) => {}
        }
    }
}

#[test]
fn coordinates_are_ignored_by_methods_that_do_not_use_them() {
    let (mut blind, mut looking) = (0, 0);
    for sample in continuous() {
        let zeros = Sample { values: vec![0.0; sample.rows()], columns: 1, ..sample.clone() };
        for subject in subjects() {
            if subject.reducer.info().uses_coordinates() {
                looking += 1;
                continue;
            }
            blind += 1;
            // Training dynamics are those of the rows as they were.
            let (data, without) = (sample.data(), zeros.data());
            let dynamics = subject.dynamics(&data);
            let inputs = Inputs { dynamics: dynamics.as_ref(), ..Inputs::default() };
            let kept = |data: &Dataset<'_>| {
                let run =
                    subject.reducer.reduce_with(data, &inputs, &Budget::Ratio(0.3), EmptyClasses::Forbid, SEED, &Quiet);
                run.unwrap_or_else(|e| panic!("{} on {}: {e}", subject.name, sample.name)).reduced
            };
            assert_eq!(kept(&data), kept(&without), "{} on {}", subject.name, sample.name);
        }
    }
    assert!(blind > 0 && looking > 0, "no method was tested");
}

#[test]
fn reducer_refuses_too_few_classes() {
    let mut tested = 0;
    for subject in subjects() {
        let least = subject.reducer.least_classes();
        assert!(least >= subject.reducer.info().capabilities.least_classes, "{}", subject.name);
        for populated in 1..least {
            // Classes without rows do not count.
            let mut sizes = vec![0; least];
            sizes[least - populated..].fill(12);
            let sample = blobs("too few classes", &sizes, 2, 5);
            let data = sample.data();
            let who = format!("{} with {populated} classes", subject.name);
            let found = reduce(&subject, &data, &Budget::Ratio(0.5), EmptyClasses::Forbid);
            assert!(matches!(found, Err(Error::Data { .. })), "{who}: {found:?}");
            let found = subject.rank(&data, None, SEED, &Quiet);
            assert!(matches!(found, Err(Error::Data { .. })), "{who}: {found:?}");
            tested += 1;
        }
    }
    assert!(tested > 0, "no method needs several classes");
}

/// Every parameter refuses what its kind refuses, as a value and as text, and says what it may be.
#[test]
fn parameters_refuse_what_their_kind_refuses() {
    let mut tested = 0;
    for info in METHODS {
        for spec in info.params {
            for value in spec.kind.refused() {
                let found = Reducer::new(info.id, &[(spec.name.to_owned(), value.clone())]);
                let constraint = spec.kind.to_string();
                let refused = matches!(
                    &found,
                    Err(Error::BadParameter { method, name, constraint: told, .. })
                        if *method == info.id && *name == spec.name && *told == constraint
                );
                assert!(refused, "{} {} = {value:?} gives {found:?}", info.id, spec.name);
                tested += 1;
            }
        }
    }
    assert!(tested > 0, "no method has a parameter");
}

/// A list of rows that names no row, or one twice, is refused: nothing given is ignored.
#[test]
fn parameters_refuse_bad_lists_of_rows() {
    let sample = blobs("blobs", &[9, 8], 3, 6);
    let mut tested = 0;
    for info in METHODS {
        for spec in info.params.iter().filter(|s| s.kind.takes_rows()) {
            let all: Vec<RowId> = (0..17).map(RowId::at).collect();
            for wrong in [17, 3] {
                let rows = [&all[..], &[RowId(wrong)]].concat();
                let reducer = Reducer::new(info.id, &[(spec.name.to_owned(), Value::Rows(rows))]).expect("a list");
                let found = reducer.reduce(&sample.data(), &Budget::Ratio(1.0), EmptyClasses::Forbid, SEED, &Quiet);
                let refused = matches!(&found, Err(Error::BadParameter { name, .. }) if *name == spec.name);
                assert!(refused, "{} {} with row {wrong} besides: {found:?}", info.id, spec.name);
                tested += 1;
            }
        }
    }
    assert!(tested > 0, "no method takes a list of rows");
}

/// A target is used or refused. The table as its own target changes nothing; one that does not fit is an error.
#[test]
fn target_is_used_or_refused() {
    let sample = blobs("blobs", &[20, 0, 9], 3, 6);
    let without_last = blobs("no row of class 2", &[5, 4, 0], 3, 7);
    let other_columns = blobs("another column", &[5, 4, 5], 4, 7);
    let other_classes = blobs("another class", &[5, 4, 5, 1], 3, 7);
    let data = sample.data();
    let budget = Budget::Ratio(0.5);
    for subject in subjects() {
        let given = |target: &Sample| {
            let target = target.data();
            let inputs = Inputs { target: Some(&target), ..Inputs::default() };
            let ranked = subject.reducer.rank_with(&data, &inputs, None, SEED, &Quiet);
            let reduced = subject.reducer.reduce_with(&data, &inputs, &budget, EmptyClasses::Forbid, SEED, &Quiet);
            (ranked, reduced)
        };
        let who = &subject.name;
        if !subject.reducer.info().supports_target() {
            let (ranked, reduced) = given(&sample);
            assert!(
                matches!(ranked, Err(Error::Unsupported { ref hint, .. }) if !hint.to_string().is_empty()),
                "{who}: {ranked:?}"
            );
            assert!(
                matches!(reduced, Err(Error::Unsupported { ref hint, .. }) if !hint.to_string().is_empty()),
                "{who}: {reduced:?}"
            );
            continue;
        }
        let (ranked, reduced) = given(&sample);
        if subject.reducer.ranks() == Support::Yes {
            assert_eq!(
                format!("{ranked:?}"),
                format!("{:?}", subject.rank(&data, None, SEED, &Quiet)),
                "{who}: the table as its own target"
            );
        }
        let plain = reduce(&subject, &data, &budget, EmptyClasses::Forbid);
        assert_eq!(format!("{reduced:?}"), format!("{plain:?}"), "{who}: the table as its own target");
        for (target, part) in [(&without_last, "class 2"), (&other_columns, "4 feature"), (&other_classes, "4 classes")]
        {
            let (ranked, reduced) = given(target);
            assert!(matches!(ranked, Err(Error::Target(ref what)) if what.contains(part)), "{who}: {ranked:?}");
            assert!(matches!(reduced, Err(Error::Target(ref what)) if what.contains(part)), "{who}: {reduced:?}");
        }
    }
}

/// Rows that are kept already come first and count, or are refused. Going on from the beginning of a ranking is the ranking.
#[test]
fn kept_rows_are_used_or_refused() {
    let mut used = 0;
    for sample in continuous().iter().filter(|s| s.rows() < 1000) {
        let (data, classes) = (sample.data(), sample.classes());
        for subject in subjects() {
            let who = format!("{} on {}", subject.name, sample.name);
            let dynamics = subject.dynamics(&data);
            let with = |kept: &[RowId], budget: &Budget| {
                let inputs = Inputs { kept: Some(kept), dynamics: dynamics.as_ref(), ..Inputs::default() };
                let ranked = (subject.reducer.ranks() == Support::Yes)
                    .then(|| subject.reducer.rank_with(&data, &inputs, None, SEED, &Quiet));
                (ranked, subject.reducer.reduce_with(&data, &inputs, budget, EmptyClasses::Forbid, SEED, &Quiet))
            };
            // A few rows, in no order, none of the last class.
            let last = classes.ids().last().expect("some");
            let drawn = Random(3).permutation(sample.rows()).into_iter().map(RowId::at);
            let kept: Vec<RowId> = drawn.filter(|&row| classes.of(row) != last).take(5).collect();
            let (ranked, reduced) = with(&kept, &Budget::Ratio(0.5));
            if !subject.reducer.info().supports_kept() {
                let refused = |e: &Error| matches!(e, Error::Unsupported { hint, .. } if !hint.to_string().is_empty());
                assert!(reduced.as_ref().is_err_and(refused), "{who}: {reduced:?}");
                assert!(ranked.is_none_or(|r| r.as_ref().is_err_and(refused)), "{who}");
                continue;
            }
            used += 1;
            let reduced = reduced.unwrap_or_else(|e| panic!("{who}: {e}"));
            let count = |class| kept.iter().filter(|&&row| classes.of(row) == class).count();
            let counts: Vec<usize> = classes.ids().map(count).collect();
            let dealt = Budget::Ratio(0.5).allocate_beside(&sample.sizes(), EmptyClasses::Forbid, &counts);
            let (allocation, _) = dealt.expect("a budget");
            check_reduction(&who, &subject, sample, &allocation, &reduced);
            let selection = reduced.reduced.rows().expect("rows");
            let ranked = ranked.expect("it ranks").unwrap_or_else(|e| panic!("{who}: {e}"));
            for (class, segment) in classes.ids().zip(ranked.segments()) {
                let mut own: Vec<RowId> = kept.iter().copied().filter(|&row| classes.of(row) == class).collect();
                own.sort_unstable();
                assert_eq!(segment[..own.len()], own, "{who}, class {class}: they come first");
                assert_eq!(segment.len(), classes.rows(class).len(), "{who}: every row once");
                assert_eq!(selection.class(class), &segment[..selection.class(class).len()], "{who}: a prefix");
            }
            // Too few to hold them, one that there is not, and one twice.
            let few = with(&kept, &Budget::Count(kept.len())).1;
            assert!(matches!(few, Err(Error::Budget(_))), "{who}: {few:?}");
            for wrong in [RowId::at(sample.rows()), kept[0]] {
                let wrong = [&kept[..], &[wrong]].concat();
                let found = with(&wrong, &Budget::Ratio(0.5)).1;
                assert!(matches!(found, Err(Error::Kept(_))), "{who}: {found:?}");
            }
            // The beginning of its own ranking, without the guard, which puts rows that are kept before all contradicted ones.
            let given: Vec<_> = subject.reducer.params().iter().map(|(n, v)| (n.to_owned(), v.clone())).collect();
            let bare =
                Reducer::new(subject.reducer.info().id, &given).and_then(|reducer| reducer.with_guard(Guard::Off));
            let bare = bare.unwrap_or_else(|e| panic!("{who}: {e}"));
            let own = bare.rank(&data, None, SEED, &Quiet).expect("ranks");
            let begun: Vec<RowId> = own.segments().flat_map(|s| s[..s.len() / 3].to_vec()).collect();
            let inputs = Inputs { kept: Some(&begun), ..Inputs::default() };
            let again = bare.rank_with(&data, &inputs, None, SEED, &Quiet).unwrap_or_else(|e| panic!("{who}: {e}"));
            for (own, again) in own.segments().zip(again.segments()) {
                let third = own.len() / 3;
                assert_eq!(own[third..], again[third..], "{who}: it goes on as it would have");
            }
        }
    }
    assert!(used > 0, "no method goes on from rows");
}

/// Training dynamics are used by the methods that need them, which refuse to work without, and refused by others.
#[test]
fn dynamics_are_used_or_refused() {
    let sample = blobs("blobs", &[20, 0, 9], 3, 6);
    let data = sample.data();
    let budget = Budget::Ratio(0.5);
    let rows = sample.rows();
    let dynamics = |events: Vec<u32>| {
        let scores: Vec<f64> = events.iter().map(|&e| f64::from(e)).collect();
        let counts = Dynamics::from_counts(50, events, vec![true; rows]).expect("counts");
        let with = |d: Dynamics, name: &str| d.with_score(name.to_owned(), scores.clone()).expect("finite");
        SCORES.into_iter().fold(counts, with)
    };
    let (rising, falling) = (dynamics((0..29).collect()), dynamics((0..29).rev().collect()));
    let shorter = Dynamics::from_counts(50, vec![1; 28], vec![true; 28]).expect("counts");
    let mut used = 0;
    for subject in subjects() {
        let with = |dynamics: Option<&Dynamics>| {
            let inputs = Inputs { dynamics, ..Inputs::default() };
            let ranked = subject.reducer.rank_with(&data, &inputs, None, SEED, &Quiet);
            (ranked, subject.reducer.reduce_with(&data, &inputs, &budget, EmptyClasses::Forbid, SEED, &Quiet))
        };
        let who = &subject.name;
        let needed = subject.reducer.info().uses_dynamics();
        let (ranked, reduced) = with(if needed { None } else { Some(&rising) });
        let refused = |e: &Error| matches!(e, Error::Unsupported { hint, .. } if !hint.to_string().is_empty());
        assert!(ranked.as_ref().is_err_and(refused), "{who}: {ranked:?}");
        assert!(reduced.as_ref().is_err_and(refused), "{who}: {reduced:?}");
        if !needed {
            continue;
        }
        used += 1;
        let (ranked, reduced) = with(Some(&shorter));
        let other = Error::Log(LogError::Rows { log: 28, rows: 29 });
        assert_eq!((ranked.as_ref().err(), reduced.as_ref().err()), (Some(&other), Some(&other)), "{who}");
        let kept = |dynamics| with(Some(dynamics)).1.unwrap_or_else(|e| panic!("{who}: {e}")).reduced;
        assert_ne!(kept(&rising), kept(&falling), "{who}: the dynamics are ignored");
    }
    assert!(used > 0, "no method uses training dynamics");
}

/// The largest coordinates that are accepted do not overflow in what is computed from them.
#[test]
fn scale_free_methods_ignore_the_unit_of_coordinates() {
    let sample = blobs("many", &[15_000, 14_000], 2, 30);
    let mut huge = sample.clone();
    huge.name = "many huge".into();
    let scale = 2f64.powi(495);
    huge.values.iter_mut().for_each(|v| *v *= scale);
    for subject in subjects() {
        if subject.reducer.ranks() != Support::Yes {
            continue;
        }
        let rank = |s: &Sample| subject.rank(&s.data(), None, SEED, &Quiet);
        let (small, large) = match (rank(&sample), rank(&huge)) {
            (Ok(small), Ok(large)) => (small, large),
            // In other units a method may refuse the rows, such as for their neighbours within a radius.
            (Err(Error::Row { .. }), _) | (_, Err(Error::Row { .. })) if !subject.reducer.scale_free() => continue,
            (small, large) => panic!("{}: {small:?} and {large:?}", subject.name),
        };
        let finite = large.scores().iter().all(|s| s.is_finite() || s.is_nan());
        assert!(finite, "{}: a score is infinite", subject.name);
        if subject.reducer.scale_free() {
            assert!(small.rows() == large.rows(), "{} on {}: another order", subject.name, huge.name);
        }
    }
}

#[test]
fn dataset_refuses_what_is_no_number_with_its_place() {
    for (bad, finite) in
        [(f64::NAN, false), (f64::INFINITY, false), (f64::NEG_INFINITY, false), (1.1e150, true), (-1e300, true)]
    {
        let mut sample = blobs("blobs", &[9, 8], 3, 6);
        sample.values[4 * 3 + 2] = bad;
        sample.values[9 * 3] = bad;
        let matrix = Matrix::new(&sample.values, 17, 3).expect("a matrix");
        match Dataset::new(matrix, sample.classes()) {
            Err(Error::NotFinite { row: RowId(4), column: 2, value }) if !finite => {
                assert_eq!(value.to_bits(), bad.to_bits());
            }
            Err(Error::TooLarge { row: RowId(4), column: 2, value, .. }) if finite => assert_eq!(value, bad),
            other => panic!("{bad} gives {other:?}"),
        }
        let single: Vec<f32> = sample.values.iter().map(|&v| v as f32).collect();
        let matrix = Matrix::new(&single, 17, 3).expect("a matrix");
        let found = Dataset::new(matrix, sample.classes());
        assert!(matches!(found, Err(Error::NotFinite { row: RowId(4), column: 2, .. })), "{bad} as f32: {found:?}");
    }
}

/// Squares of such differences are 0 or have lost digits: the first rows would be chosen.
#[test]
fn rows_whose_squared_distances_underflow_are_refused() {
    let (mut looking, mut blind) = (0, 0);
    for unit in [1e-145, 1e-160, 1e-170, 1e-310] {
        let mut sample = blobs("tiny", &[30, 20], 3, 25);
        sample.values.iter_mut().for_each(|v| *v *= unit);
        for subject in subjects() {
            let who = format!("{} at {unit:e}", subject.name);
            let found = reduce(&subject, &sample.data(), &Budget::Ratio(0.5), EmptyClasses::Forbid);
            if subject.reducer.info().uses_coordinates() {
                looking += 1;
                assert!(matches!(found, Err(Error::TooClose { class: Some(_), column: 0..3, .. })), "{who}: {found:?}");
            } else {
                blind += 1;
                assert!(found.is_ok(), "{who}: {found:?}");
            }
        }
    }
    assert!(looking > 0 && blind > 0);
}

#[test]
fn dataset_refuses_empty_tables_and_wrong_shapes() {
    let empty: [f64; 0] = [];
    let new = |values: &[f64], rows, columns, codes: &[u32], classes| {
        Dataset::new(Matrix::new(values, rows, columns)?, Classes::new(codes, classes)?).map(|_| ())
    };
    assert_eq!(new(&empty, 0, 3, &[], 1), Err(Error::NoRows));
    assert_eq!(new(&empty, 3, 0, &[0, 0, 0], 1), Err(Error::NoColumns));
    assert!(matches!(new(&[1.0, 2.0], 1, 3, &[0], 1), Err(Error::Shape { got: 2, expected: 3, .. })));
    assert!(matches!(new(&[1.0, 2.0], 2, 1, &[0], 1), Err(Error::Shape { got: 1, expected: 2, .. })));
    assert!(matches!(new(&[1.0, 2.0], usize::MAX, 2, &[0], 1), Err(Error::Shape { .. })));
    let found = new(&[1.0, 2.0], 2, 1, &[0, 2], 2);
    assert_eq!(found, Err(Error::UnknownClass { row: RowId(1), code: 2, classes: 2 }));
}

fn cancellable(subject: &Subject, sample: &Sample) {
    if refuses(subject, sample) {
        return;
    }
    let data = sample.data();
    let budget = Budget::Ratio(0.5);
    let reduce = |watch: &Watch| subject.reduce(&data, &budget, EmptyClasses::Forbid, SEED, watch).map(|_| ());
    let rank = |watch: &Watch| subject.rank(&data, None, SEED, watch).map(|_| ());
    let ranks = subject.reducer.ranks() == Support::Yes;
    let who = format!("{} on {}", subject.name, sample.name);
    stops_at_every_look(&format!("{who}, reduced"), reduce);
    if ranks {
        stops_at_every_look(&format!("{who}, ranked"), rank);
    }
}

#[test]
fn monitor_that_cancels_gets_interrupted() {
    everywhere(cancellable);
}

/// Of methods whose cost is more than linear, as they say themselves: otherwise a larger table would be waited for longer.
#[test]
fn looks_grow_with_the_work() {
    let slow = |cost: &str| ["²", "³", "m_k", "n·m", "k·d", "·r·"].iter().any(|term| cost.contains(term));
    let samples = [600, 1200].map(|rows| blobs("one class and another", &[rows, rows / 2], 3, 21));
    let mut checked = 0;
    for subject in subjects().iter().filter(|s| slow(s.reducer.info().cost) && s.name == s.reducer.info().id) {
        let [few, many] = samples.each_ref().map(|sample| {
            let watch = Watch::new(u64::MAX);
            let budget = Budget::Ratio(0.5);
            on_threads(1, || subject.reduce(&sample.data(), &budget, EmptyClasses::Forbid, SEED, &watch))
                .unwrap_or_else(|e| panic!("{}: {e}", subject.name));
            watch.looks()
        });
        assert!(2 * many > 3 * few, "{} looks {few} times, and {many} times at twice the rows", subject.name);
        checked += 1;
    }
    assert!(checked >= 8, "{checked} methods");
}

fn announced(subject: &Subject, sample: &Sample) {
    if refuses(subject, sample) {
        return;
    }
    let check = |who: String, watch: &Watch| {
        let load = |a: &std::sync::atomic::AtomicU64| a.load(std::sync::atomic::Ordering::Relaxed);
        let (announced, done) = (load(&watch.announced), load(&watch.done));
        assert!(!watch.stages.lock().expect("sound").is_empty(), "{who}: no stage has begun");
        assert_eq!(done, announced, "{who}: steps done and announced");
    };
    for budget in [Budget::Ratio(0.1), Budget::Ratio(0.5), Budget::Ratio(1.0)] {
        let who = format!("{} on {}, {budget:?}", subject.name, sample.name);
        subject.reduced(sample, &budget, EmptyClasses::Forbid, |run| match &run.result {
            Ok(_) => check(who, &run.watch),
            Err(error) => {
                let (allocation, _) = budget.allocate(&sample.sizes(), EmptyClasses::Forbid).expect("a budget");
                assert!(is_too_small(subject, sample, &allocation), "{who}: {error}");
            }
        });
    }
    if subject.reducer.ranks() == Support::Yes {
        subject.ranked(sample, None, |run| {
            assert!(run.result.is_ok(), "{}: {:?}", subject.name, run.result);
            check(format!("{} on {}, ranking", subject.name, sample.name), &run.watch);
        });
    }
}

#[test]
fn monitor_gets_the_steps_that_were_announced() {
    everywhere(announced);
}

#[test]
fn memory_is_stated_and_grows() {
    for subject in subjects() {
        for scalar_bytes in [4, 8] {
            let of = |rows: usize, threads| {
                let (classes, largest_class) = (7, rows / 3);
                let shape = Shape { rows, columns: 16, classes, largest_class, coupled_classes: 7, scalar_bytes };
                subject.reducer.memory(&shape, rows / 10, threads)
            };
            for threads in [1, 8] {
                let bytes = [1_000, 10_000, 100_000, 1_000_000].map(|n| of(n, threads));
                assert!(bytes[0] > 0 && bytes.is_sorted_by(|a, b| a < b), "{}: {bytes:?}", subject.name);
                // Nothing is n × n or n × m: ten times the rows are not a hundred times the memory.
                assert!(bytes[3] < 20 * bytes[2], "{}: {bytes:?}", subject.name);
            }
            assert!(of(10_000, 8) >= of(10_000, 1), "{}: threads", subject.name);
        }
    }
}

#[test]
fn reduce_does_not_count_classes_without_rows() {
    let sample = blobs("empty classes", &[0, 60, 0, 2, 0], 2, 14);
    for subject in subjects() {
        for count in 2..8 {
            match reduce(&subject, &sample.data(), &Budget::Count(count), EmptyClasses::Forbid) {
                Ok(reduction) => assert_eq!(reduction.reduced.len(), count, "{} {count}", subject.name),
                Err(other) => panic!("{} with {count} rows: {other}", subject.name),
            }
        }
    }
}

/// Random shapes: few or many rows and columns, ties or none, classes of any size, empty ones among them.
fn random_sample() -> impl Strategy<Value = Sample> {
    (1usize..6, 1usize..7, any::<u64>(), 0u8..4).prop_flat_map(|(classes, columns, seed, kind)| {
        prop::collection::vec(0usize..40, classes)
            .prop_filter("some rows", |sizes| sizes.iter().sum::<usize>() > 0)
            .prop_map(move |sizes| {
                let mut sample = blobs(&format!("random {sizes:?} × {columns}"), &sizes, columns, seed);
                let grid = [0.0, 1.0, 2.0, 8.0][kind as usize];
                if grid > 0.0 {
                    sample.values.iter_mut().for_each(|v| *v = (*v * grid).round() / grid);
                }
                sample
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn laws_hold_on_random_shapes(sample in random_sample(), order in any::<u64>()) {
        // Of its own, so that its runs are dropped with it.
        let subjects = subjects();
        for subject in &subjects {
            exact_budget(subject, &sample);
            per_class_budget(subject, &sample);
            keeps_all(subject, &sample);
            nested(subject, &sample);
            precision_free(subject, &sample);
            seeded(subject, &sample);
            cancellable(subject, &sample);
            announced(subject, &sample);
        }
        let data = sample.data();
        let all = |threads| on_threads(threads, || {
            subjects.iter().map(|s| transcript(s, &data, Seed(order))).collect::<Vec<_>>()
        });
        prop_assert_eq!(all(1), all(3));
    }

    /// Continuous data of classes of three rows or more, where no order is left open by ties.
    #[test]
    fn order_free_methods_ignore_the_order_of_random_rows(
        sizes in prop::collection::vec(3usize..40, 2..5), columns in 2usize..7, seed in any::<u64>()
    ) {
        let sample = blobs(&format!("random {sizes:?} × {columns}"), &sizes, columns, seed);
        let order = Random(seed).permutation(sample.rows());
        // The guard can leave two rows of a class, which are equally far from their mean.
        for subject in subjects().iter().filter(|s| s.reducer.guard() == Guard::Off) {
            order_free(subject, &sample, &order);
        }
    }
}

#[test]
fn warnings_name_classes() {
    let sample = blobs("named", &[8, 8], 2, 9);
    let names = ["first".to_owned(), "second".to_owned()];
    let matrix = Matrix::new(&sample.values, 16, 2).expect("a matrix");
    let data = Dataset::new(matrix, sample.classes().with_names(&names)).expect("a dataset");
    assert_eq!(data.classes().name(ClassId(1)), "second");
    for subject in subjects().iter().filter(|s| s.reducer.scope() == Scope::PerClass) {
        let found = reduce(subject, &data, &Budget::PerClass(vec![3, 0]), EmptyClasses::Forbid);
        let Ok(reduction) = found else { panic!("{}: {found:?}", subject.name) };
        let lost: Vec<_> = reduction.warnings.iter().filter(|w| w.code == "class-lost").collect();
        assert!(lost.len() == 1 && lost[0].message.to_string().contains("second"), "{}: {lost:?}", subject.name);
    }
}
