//! What a trained model keeps: reproducible, continued, stopped, weighted, and able to learn.

use std::sync::atomic::{AtomicU64, Ordering};

use leanset_core::{Classes, Dataset, Error, Matrix, Monitor, Quiet, RowId, Seed};
use leanset_train::{
    Activation, EarlyStopping, Epoch, Loss, Model, Network, Observer, Optimizer, Outcomes, Training, scores,
};

/// Points in a ring around points in its middle, and of four classes: which half each is in.
fn rings(rows: usize, classes: usize) -> (Vec<f64>, Vec<u32>) {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for i in 0..rows {
        let angle = 0.618_034 * i as f64 * std::f64::consts::TAU;
        let outer = i % 2;
        let radius = outer as f64 + 0.3 * Seed(3).unit(RowId::at(i));
        let (x, y) = (radius * angle.cos(), radius * angle.sin());
        values.extend([x, y]);
        labels.push(outer as u32 + if classes == 4 && x > 0.0 { 2 } else { 0 });
    }
    (values, labels)
}

fn dataset<'a>(values: &'a [f64], labels: &[u32], classes: usize) -> Dataset<'a> {
    let matrix = Matrix::new(values, labels.len(), 2).expect("the shape");
    Dataset::new(matrix, Classes::new(labels, classes).expect("classes")).expect("a dataset")
}

fn ids(rows: usize) -> Vec<RowId> {
    (0..rows).map(RowId::at).collect()
}

fn small(activation: Activation, loss: Loss) -> Network {
    Network { hidden: vec![16, 8], activation, dropout: 0.1, loss }
}

fn settings(epochs: usize) -> Training {
    Training { learning_rate: 0.01, ..Training::paper(epochs, Seed(5)) }
}

/// The same bits of all parameters.
fn same(a: &Model, b: &Model) -> bool {
    a.parameters().iter().map(|p| p.to_bits()).eq(b.parameters().iter().map(|p| p.to_bits()))
}

#[test]
fn training_learns_rings_by_every_activation_loss_and_optimizer() {
    for classes in [2, 4] {
        let (values, labels) = rings(600, classes);
        let data = dataset(&values, &labels, classes);
        for activation in [Activation::Relu, Activation::Gelu] {
            for loss in [Loss::CrossEntropy, Loss::Binary] {
                if loss == Loss::Binary && classes > 2 {
                    continue;
                }
                for optimizer in [Optimizer::ADAM, Optimizer::ADAMW, Optimizer::Sgd { momentum: 0.9 }] {
                    let mut model = Model::new(&small(activation, loss), 2, classes, Seed(1)).expect("a network");
                    let rate = if matches!(optimizer, Optimizer::Sgd { .. }) { 0.05 } else { 0.01 };
                    let training = Training { optimizer, learning_rate: rate, ..settings(100) };
                    let rows = ids(600);
                    model.train(&data, &rows[..400], None, &training, &mut (), &Quiet).expect("trains");
                    let truth: Vec<_> = rows[400..].iter().map(|&r| data.classes().of(r)).collect();
                    let found = scores(&truth, &model.predict(&data, &rows[400..]).expect("predicts"), classes);
                    let who = format!("{classes} classes, {activation:?}, {loss:?}, {optimizer:?}");
                    assert!(found.accuracy > 0.88 && found.f1 > 0.88, "{who}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn training_seed_decides_the_bits() {
    let (values, labels) = rings(200, 4);
    let data = dataset(&values, &labels, 4);
    let train = |own: u64, order: u64| {
        let mut model = Model::new(&Network::paper(), 2, 4, Seed(own)).expect("a network");
        let training = Training { seed: Seed(order), ..settings(3) };
        let history = model.train(&data, &ids(200), None, &training, &mut (), &Quiet).expect("trains");
        (model, history)
    };
    let (one, history) = train(1, 1);
    let (again, second) = train(1, 1);
    assert!(same(&one, &again) && history == second);
    assert!(!same(&one, &train(1, 2).0) && !same(&one, &train(2, 1).0));
}

/// The order and dropout of rows come from their ids: in which order they are given changes nothing.
#[test]
fn training_ignores_the_order_of_rows() {
    let (values, labels) = rings(150, 2);
    let data = dataset(&values, &labels, 2);
    let train = |rows: &[RowId]| {
        let mut model = Model::new(&small(Activation::Relu, Loss::Binary), 2, 2, Seed(1)).expect("a network");
        model.train(&data, rows, None, &settings(4), &mut (), &Quiet).expect("trains");
        model
    };
    let mut rows = ids(150);
    let one = train(&rows);
    rows.reverse();
    assert!(same(&one, &train(&rows)));
}

#[test]
fn training_goes_on_where_it_stopped() {
    let (values, labels) = rings(200, 4);
    let data = dataset(&values, &labels, 4);
    for optimizer in [Optimizer::ADAM, Optimizer::Sgd { momentum: 0.9 }] {
        let of = |epochs| Training { optimizer, ..settings(epochs) };
        let new = || Model::new(&small(Activation::Relu, Loss::CrossEntropy), 2, 4, Seed(1)).expect("a network");
        let (mut whole, mut parts) = (new(), new());
        whole.train(&data, &ids(200), None, &of(7), &mut (), &Quiet).expect("trains");
        for epochs in [3, 4] {
            parts.train(&data, &ids(200), None, &of(epochs), &mut (), &Quiet).expect("trains");
        }
        assert_eq!((whole.epochs(), parts.epochs()), (7, 7));
        assert!(same(&whole, &parts), "{optimizer:?}");
        // And on a selection.
        parts.train(&data, &ids(50), None, &of(1), &mut (), &Quiet).expect("trains");
        assert!(!same(&whole, &parts));
    }
}

#[test]
fn training_weights_matter_by_proportion() {
    let (values, labels) = rings(100, 2);
    let data = dataset(&values, &labels, 2);
    let train = |weights: Option<&[f64]>, class_weights: Option<Vec<f64>>| {
        let mut model = Model::new(&small(Activation::Gelu, Loss::CrossEntropy), 2, 2, Seed(1)).expect("a network");
        let training = Training { class_weights, ..settings(3) };
        model.train(&data, &ids(100), weights, &training, &mut (), &Quiet).expect("trains");
        model
    };
    let plain = train(None, None);
    assert!(same(&plain, &train(Some(&[4.0; 100]), None)));
    assert!(same(&plain, &train(None, Some(vec![0.5, 0.5]))));
    let by_class: Vec<f64> = labels.iter().map(|&l| if l == 0 { 1.0 } else { 3.0 }).collect();
    let weighted = train(Some(&by_class), None);
    assert!(!same(&plain, &weighted));
    assert!(same(&weighted, &train(None, Some(vec![1.0, 3.0]))));
}

/// Rows of weight 0 have no part in the loss: with them in the same batch, the gradient is that without.
#[test]
fn training_ignores_rows_of_weight_zero() {
    let (values, labels) = rings(40, 2);
    let turned: Vec<u32> = labels.iter().enumerate().map(|(i, l)| if i < 20 { 1 - l } else { *l }).collect();
    let weights: Vec<f64> = (0..40).map(|i| if i < 20 { 0.0 } else { 1.0 }).collect();
    let train = |labels: &[u32]| {
        let mut model = Model::new(&small(Activation::Relu, Loss::CrossEntropy), 2, 2, Seed(1)).expect("a network");
        let training = Training { batch: 40, ..settings(5) };
        model
            .train(&dataset(&values, labels, 2), &ids(40), Some(&weights), &training, &mut (), &Quiet)
            .expect("trains");
        model
    };
    assert!(same(&train(&labels), &train(&turned)));
}

/// Counts what it hears.
#[derive(Default)]
struct Heard {
    rows: Vec<(usize, Vec<f32>)>,
    epochs: Vec<Epoch>,
}

impl Observer for Heard {
    fn wants_rows(&self) -> bool {
        true
    }

    fn rows(&mut self, epoch: usize, rows: &[RowId], outcomes: &Outcomes<'_>) -> leanset_core::Result<()> {
        assert_eq!((outcomes.probabilities.len(), outcomes.last_inputs.len()), (2 * rows.len(), rows.len()));
        assert!(outcomes.last_inputs.iter().all(|length| *length >= 1.0));
        self.rows.push((epoch, outcomes.probabilities.to_vec()));
        Ok(())
    }

    fn epoch(&mut self, epoch: &Epoch) {
        self.epochs.push(*epoch);
    }
}

#[test]
fn observer_gets_every_epoch_and_changes_nothing() {
    let (values, labels) = rings(90, 2);
    let data = dataset(&values, &labels, 2);
    for loss in [Loss::CrossEntropy, Loss::Binary] {
        let new = || Model::new(&small(Activation::Relu, loss), 2, 2, Seed(1)).expect("a network");
        let (mut watched, mut alone, mut heard) = (new(), new(), Heard::default());
        let history = watched.train(&data, &ids(90), None, &settings(4), &mut heard, &Quiet).expect("trains");
        alone.train(&data, &ids(90), None, &settings(4), &mut (), &Quiet).expect("trains");
        assert!(same(&watched, &alone));
        assert_eq!(heard.epochs, history.epochs);
        assert_eq!(heard.rows.iter().map(|r| r.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(heard.rows[3].1, watched.probabilities(&data, &ids(90)).expect("predicts"));
        assert!(heard.rows[3].1.chunks_exact(2).all(|p| (p[0] + p[1] - 1.0).abs() < 1e-6));
    }
}

#[test]
fn early_stopping_returns_to_the_best_epoch() {
    let (values, mut labels) = rings(300, 2);
    // Noise, so that the held-out loss grows in the end.
    labels.iter_mut().enumerate().filter(|(i, _)| i % 5 == 0).for_each(|(_, l)| *l = 1 - *l);
    let data = dataset(&values, &labels, 2);
    let stopping = EarlyStopping { validation: 0.3, patience: 4, least_gain: 0.0, restore_best: true };
    let training = Training { early_stopping: Some(stopping), learning_rate: 0.03, ..settings(400) };
    let network = Network { hidden: vec![40, 40], dropout: 0.0, ..small(Activation::Relu, Loss::CrossEntropy) };
    let mut model = Model::new(&network, 2, 2, Seed(1)).expect("a network");
    let history = model.train(&data, &ids(300), None, &training, &mut (), &Quiet).expect("trains");
    assert!(history.stopped_early && history.epochs.len() < 400);
    let losses: Vec<f64> = history.epochs.iter().map(|e| e.validation_loss.expect("it is watched")).collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).expect("some epochs");
    assert_eq!(history.kept, Some(best));
    assert_eq!(losses.len(), best + 1 + stopping.patience);
    // The weights are those of that epoch: training for so many epochs gives the same.
    let mut shorter = Model::new(&network, 2, 2, Seed(1)).expect("a network");
    let shortened = Training { epochs: best + 1, ..training };
    shorter.train(&data, &ids(300), None, &shortened, &mut (), &Quiet).expect("trains");
    assert!(same(&model, &shorter));
}

#[test]
fn training_refuses_what_cannot_be_trained() {
    let (values, labels) = rings(20, 2);
    let data = dataset(&values, &labels, 2);
    let refused = |found: Result<(), Error>, part: &str| {
        let error = found.expect_err(part);
        assert!(error.to_string().contains(part), "'{error}' does not say '{part}'");
    };
    let paper = Network::paper;
    let network = |n: Network, inputs, classes| Model::new(&n, inputs, classes, Seed(0)).map(drop);
    refused(network(Network { hidden: vec![3, 0], ..paper() }, 2, 2), "'hidden'");
    refused(network(Network { dropout: 1.0, ..paper() }, 2, 2), "'dropout' of the trainer must be a number in [0, 1)");
    refused(network(Network { loss: Loss::Binary, ..paper() }, 2, 3), "cross-entropy for 3 classes, not binary");
    refused(network(paper(), 2, 1), "2 classes or more are needed, and there are 1");
    refused(network(paper(), 0, 2), "no feature columns");
    let train = |change: &dyn Fn(&mut Training), rows: &[RowId], weights: Option<&[f64]>| {
        let mut training = settings(1);
        change(&mut training);
        let mut model = Model::new(&paper(), 2, 2, Seed(0)).expect("a network");
        model.train(&data, rows, weights, &training, &mut (), &Quiet).map(drop)
    };
    let rows = ids(20);
    refused(train(&|t| t.epochs = 0, &rows, None), "'epochs' of the trainer must be a whole number of at least 1");
    refused(train(&|t| t.batch = 0, &rows, None), "'batch'");
    refused(
        train(&|t| t.learning_rate = 0.0, &rows, None),
        "'learning-rate' of the trainer must be a number in (0, ∞)",
    );
    refused(train(&|t| t.learning_rate = f64::NAN, &rows, None), "'learning-rate'");
    refused(train(&|t| t.weight_decay = -1.0, &rows, None), "'weight-decay'");
    refused(train(&|t| t.class_weights = Some(vec![1.0]), &rows, None), "one a class, 2, not 1");
    refused(train(&|t| t.optimizer = Optimizer::Sgd { momentum: 1.0 }, &rows, None), "'momentum'");
    refused(train(&|_| {}, &[], None), "at least one to train on");
    refused(train(&|_| {}, &[RowId(20)], None), "row ids below 20, not 20");
    refused(train(&|_| {}, &rows, Some(&[1.0])), "one a row, 20, not 1");
    refused(train(&|_| {}, &rows, Some(&[-1.0; 20])), "'weights'");
    refused(train(&|_| {}, &rows, Some(&[0.0; 20])), "some above 0");
    refused(train(&|t| (t.learning_rate, t.epochs) = (1e30, 5), &rows, None), "training diverged");
    let wide = dataset(&values, &labels, 3);
    let mut model = Model::new(&paper(), 2, 2, Seed(0)).expect("a network");
    refused(model.train(&wide, &rows, None, &settings(1), &mut (), &Quiet).map(drop), "of 3 classes, the network of 2");
    let huge: Vec<f64> = values.iter().map(|v| v * 1e40).collect();
    let huge = dataset(&huge, &labels, 2);
    refused(model.train(&huge, &rows, None, &settings(1), &mut (), &Quiet).map(drop), "row 0, column 0");
}

/// Allows so many rows.
struct Watch(AtomicU64, u64);

impl Monitor for Watch {
    fn begin(&self, stage: &'static str, steps: u64) {
        assert_eq!((stage, steps), ("training", 5 * 64));
    }

    fn advance(&self, steps: u64) {
        self.0.fetch_add(steps, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= self.1
    }
}

#[test]
fn training_reports_progress_and_can_be_stopped() {
    let (values, labels) = rings(64, 2);
    let data = dataset(&values, &labels, 2);
    let train = |watch: &Watch| {
        let mut model = Model::new(&Network::paper(), 2, 2, Seed(0)).expect("a network");
        model.train(&data, &ids(64), None, &settings(5), &mut (), watch).map(drop)
    };
    let watch = Watch(AtomicU64::new(0), u64::MAX);
    train(&watch).expect("trains");
    assert_eq!(watch.0.load(Ordering::Relaxed), 5 * 64);
    let watch = Watch(AtomicU64::new(0), 100);
    assert_eq!(train(&watch), Err(Error::Interrupted));
    assert_eq!(watch.0.load(Ordering::Relaxed), 128);
}

/// Allows so many looks, and counts them.
struct Looks(AtomicU64, u64);

impl Monitor for Looks {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn cancelled(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= self.1
    }
}

/// Runs are cancelled at some of the looks that a whole run takes, of which there are this many.
fn stops_at_every_look(who: &str, run: impl Fn(&Looks) -> leanset_core::Result<()> + Sync) -> u64 {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    one.install(|| {
        let all = Looks(AtomicU64::new(0), u64::MAX);
        assert_eq!(run(&all), Ok(()), "{who}");
        let looks = all.0.into_inner();
        for allowed in [0, 1, 2, 5, 20, looks / 2, looks - 1] {
            if allowed < looks {
                let found = run(&Looks(AtomicU64::new(0), allowed));
                assert_eq!(found, Err(Error::Interrupted), "{who}, cancelled after {allowed} of {looks}");
            }
        }
        looks
    })
}

#[test]
fn training_stops_at_every_look_within_a_batch_too() {
    let looks = [64, 256].map(|rows| {
        let (values, labels) = rings(rows, 2);
        let data = dataset(&values, &labels, 2);
        // One batch of all rows, and an observer who wants to see every row.
        let training = Training { batch: 4096, ..settings(3) };
        stops_at_every_look(&format!("{rows} rows"), |looks| {
            leanset_train::warm_up(&data, &Network::paper(), &training, false, looks).map(drop)
        })
    });
    assert!(looks[1] > 2 * looks[0], "{looks:?}");
}

#[test]
fn quick_models_stop_at_every_look() {
    use leanset_train::quick::{KernelRidge, Logistic, Neighbors};
    let looks = [300, 1200].map(|rows| {
        let (values, labels) = rings(rows, 2);
        let data = dataset(&values, &labels, 2);
        [
            stops_at_every_look("neighbors", |looks| {
                let look = || if looks.cancelled() { Err(Error::Interrupted) } else { Ok(()) };
                Neighbors::default().fit(&data, None, &look)?.predict(&data, &look).map(drop)
            }),
            stops_at_every_look("logistic", |looks| {
                let look = || if looks.cancelled() { Err(Error::Interrupted) } else { Ok(()) };
                Logistic::default().fit(&data, None, &look)?.predict(&data, &look).map(drop)
            }),
            stops_at_every_look("kernel ridge", |looks| {
                let look = || if looks.cancelled() { Err(Error::Interrupted) } else { Ok(()) };
                let settings = KernelRidge { landmarks: 100, ..KernelRidge::default() };
                settings.fit(&data, None, Seed(0), &look)?.predict(&data, &look).map(drop)
            }),
        ]
    });
    for (few, many) in looks[0].iter().zip(looks[1]) {
        assert!(many > *few, "{looks:?}");
    }
}

/// The warm-up sees what an observer of one's own would, and the methods rank by it; training goes on from its model.
#[test]
fn warm_up_records_every_row_and_serves_the_methods() {
    use leanset_core::{Budget, EmptyClasses, Inputs, Reducer};
    use leanset_train::{warm_up, warm_up_memory};
    let (values, mut labels) = rings(160, 2);
    // Rows that cannot be learnt with the others.
    (0..16).for_each(|i| labels[10 * i] = 1 - labels[10 * i]);
    let data = dataset(&values, &labels, 2);
    let network = Network { dropout: 0.0, ..small(Activation::Relu, Loss::CrossEntropy) };
    let seen = warm_up(&data, &network, &settings(30), true, &Quiet).expect("trains");
    let observations = seen.recorder.observations().expect("kept");
    assert_eq!((observations.len(), seen.dynamics.epochs(), seen.model.epochs()), (30 * 160, 30, 30));
    let last = seen.model.predict(&data, &ids(160)).expect("predicts");
    for observation in &observations[29 * 160..] {
        assert_eq!(observation.right, last[observation.row.index()] == data.classes().of(observation.row));
    }
    let of_row = |row: usize| observations.iter().filter(move |o| o.row.index() == row).map(|o| o.right);
    let forgetting = seen.dynamics.forgetting();
    for row in 0..160 {
        let own: Vec<bool> = of_row(row).collect();
        let events = own.windows(2).filter(|w| w[0] && !w[1]).count();
        assert_eq!(forgetting[row] as usize, if own.contains(&true) { events } else { 30 }, "row {row}");
    }
    assert!(forgetting.iter().filter(|&&f| f > 0).count() > 6);
    let given = Inputs { dynamics: Some(&seen.dynamics), ..Inputs::default() };
    for (method, found) in [("fes", true), ("el2n", true), ("aum", false)] {
        let reducer = Reducer::new(method, &[]).expect("the defaults");
        let kept = reducer
            .reduce_with(&data, &given, &Budget::Ratio(0.25), EmptyClasses::Forbid, Seed(0), &Quiet)
            .expect("keeps");
        let kept = kept.reduced.rows().expect("rows").rows().to_vec();
        let wrong = (0..16).filter(|i| kept.contains(&RowId(10 * i))).count();
        // At least five in six of them, or at most one in six.
        assert_eq!(6 * wrong >= 5 * 16, found, "{method} keeps {wrong} of the sixteen");
        assert!(found || 6 * wrong <= 16, "{method} keeps {wrong} of the sixteen");
    }
    let mut model = seen.model;
    model.train(&data, &ids(40), None, &settings(2), &mut (), &Quiet).expect("goes on");
    assert_eq!(model.epochs(), 32);
    let bytes = [100, 1000, 10_000]
        .map(|rows| warm_up_memory(&leanset_core::Shape { rows, ..data.shape() }, &network, 50, false));
    assert!(bytes.is_sorted_by(|a, b| a < b) && bytes[2] < 20 * bytes[1]);
}
