//! The batcher on a device whose service time and faults are known.

use super::*;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// What the double was asked to do, and how it behaves.
#[derive(Default)]
struct Double {
    batches: Mutex<Vec<Vec<f32>>>,
    opened: AtomicUsize,
    service_ms: AtomicU64,
    /// The batch with a tensor that begins so fails.
    fails_at: Mutex<Option<f32>>,
    /// While set, a run does not come back.
    hangs: Mutex<bool>,
    freed: Condvar,
    /// While it is held, a device that is opened again waits.
    gate: Mutex<()>,
}

struct DoubleDevice(Arc<Double>, usize);

/// Its results say whose they are: one candidate whose left edge is the tensor's first float.
impl Device for DoubleDevice {
    fn batch_max(&self) -> usize {
        self.1
    }
    fn run(&mut self, tensors: &[f32], found: &mut [Vec<Candidate>]) -> Result<(), InferError> {
        let firsts: Vec<f32> = tensors.chunks_exact(tensors.len() / found.len()).map(|t| t[0]).collect();
        assert_eq!(firsts.len(), found.len());
        self.0.batches.lock().push(firsts.clone());
        thread::sleep(Duration::from_millis(self.0.service_ms.load(Ordering::Relaxed)));
        let mut hangs = self.0.hangs.lock();
        while *hangs {
            self.0.freed.wait(&mut hangs);
        }
        for (found, first) in found.iter_mut().zip(&firsts) {
            found.push(Candidate { class: 0, score: 0.9, corners: [*first, 0.0, 1e9, 1.0] });
        }
        match *self.0.fails_at.lock() {
            Some(bad) if firsts.contains(&bad) => {
                Err(InferError::Failed { name: "double".into(), reason: format!("no {bad}") })
            }
            _ => Ok(()),
        }
    }
}

fn start(options: BatchOptions, takes: usize) -> (Arc<Double>, Batcher) {
    let double = Arc::new(Double::default());
    let of = double.clone();
    let open = Box::new(move || {
        if of.opened.fetch_add(1, Ordering::Relaxed) > 0 {
            drop(of.gate.lock());
        }
        Ok(Box::new(DoubleDevice(of.clone(), takes)) as Box<dyn Device>)
    });
    (double, Batcher::start("double", options, open).unwrap())
}

/// Many clients at once, `rounds` times each; every answer must be the asker's own. Gives the errors.
fn storm(batcher: &Batcher, clients: u32, rounds: u32) -> Vec<(f32, String)> {
    let lines: Vec<Line> = (0..clients).map(|_| batcher.line()).collect();
    let ask = |(client, line): (usize, Line)| {
        thread::spawn(move || {
            let (mut errors, mut tensor) = (Vec::new(), Vec::new());
            for round in 0..rounds {
                let own = (client as u32 * 1000 + round) as f32;
                tensor.clear();
                tensor.extend([own; 7]);
                match line.ask(&mut tensor) {
                    Ok(found) => assert_eq!(found.iter().map(|c| c.corners[0]).collect::<Vec<_>>(), [own]),
                    Err(e) => errors.push((own, e.to_string())),
                }
            }
            errors
        })
    };
    let threads: Vec<_> = lines.into_iter().enumerate().map(ask).collect();
    threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
}

const LONG: BatchOptions = BatchOptions { max: 8, wait_ms: 20_000, stall_ms: 60_000 };

#[test]
fn batches_fill_while_the_device_is_slow_and_each_result_is_its_askers() {
    let (double, batcher) = start(BatchOptions { wait_ms: 1, ..LONG }, 64);
    double.service_ms.store(5, Ordering::Relaxed);
    assert!(storm(&batcher, 12, 20).is_empty());
    let batches = double.batches.lock();
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 240, "none lost, none twice");
    assert!(batches.iter().all(|b| (1..=8).contains(&b.len())));
    // While a batch of the slow device is under way, the others queue up.
    assert!(batches.len() < 240, "no two of 240 pictures shared a batch");
}

#[test]
fn the_device_may_take_fewer_than_are_wanted() {
    let (double, batcher) = start(BatchOptions { wait_ms: 1, ..LONG }, 1);
    assert!(storm(&batcher, 4, 5).is_empty());
    assert!(double.batches.lock().iter().all(|b| b.len() == 1));
}

#[test]
fn the_first_does_not_wait_for_those_who_cannot_come() {
    // With a wait far longer than the test may take, all that wait are all that there are.
    let (double, batcher) = start(LONG, 64);
    assert!(storm(&batcher, 3, 10).is_empty());
    assert_eq!(double.batches.lock().iter().map(Vec::len).sum::<usize>(), 30);
}

#[test]
fn the_first_waits_no_longer_than_it_is_told() {
    let (double, batcher) = start(BatchOptions { wait_ms: 10, ..LONG }, 64);
    let (idle, line) = (batcher.line(), batcher.line());
    let mut tensor = vec![5.0; 7];
    // The other client never asks: without the bound this would hang.
    line.ask(&mut tensor).unwrap();
    assert_eq!(*double.batches.lock(), [[5.0]]);
    assert_eq!(tensor.len(), 7, "the memory came back");
    drop(idle);
}

#[test]
fn an_error_is_the_whole_batchs_and_only_theirs() {
    let (double, batcher) = start(BatchOptions { wait_ms: 1, ..LONG }, 64);
    double.service_ms.store(2, Ordering::Relaxed);
    *double.fails_at.lock() = Some(3004.0);
    let mut refused: Vec<f32> = storm(&batcher, 6, 10).into_iter().map(|(own, _)| own).collect();
    let batches = double.batches.lock();
    let mut bad = batches.iter().find(|b| b.contains(&3004.0)).unwrap().clone();
    refused.sort_by(f32::total_cmp);
    bad.sort_by(f32::total_cmp);
    assert_eq!(refused, bad);
}

#[test]
fn a_device_that_hangs_is_given_up_and_another_takes_its_place() {
    let (double, batcher) = start(BatchOptions { wait_ms: 1, stall_ms: 1000, ..LONG }, 64);
    *double.hangs.lock() = true;
    let line = batcher.line();
    let error = line.ask(&mut vec![1.0; 7]).unwrap_err().to_string();
    assert!(error.contains("does not come back"), "{error}");
    *double.hangs.lock() = false;
    double.freed.notify_all();
    assert_eq!(when_open(&line, 2.0).unwrap()[0].corners[0], 2.0);
    assert_eq!(double.opened.load(Ordering::Relaxed), 2);
}

/// Asks until the device is not being opened any more.
fn when_open(line: &Line, first: f32) -> Result<Vec<Candidate>, InferError> {
    loop {
        match line.ask(&mut vec![first; 7]) {
            Err(e) if e.to_string().contains("being opened") => thread::yield_now(),
            asked => return asked,
        }
    }
}

#[test]
fn nobody_waits_for_a_device_that_is_being_opened() {
    let (double, batcher) = start(BatchOptions { wait_ms: 1, stall_ms: 200, max: 1 }, 1);
    *double.hangs.lock() = true;
    let gate = double.gate.lock();
    let (in_hand, waits, comes) = (batcher.line(), batcher.line(), batcher.line());
    let first = thread::spawn(move || in_hand.ask(&mut vec![1.0; 7]).unwrap_err().to_string());
    while double.batches.lock().is_empty() {
        thread::yield_now();
    }
    let second = thread::spawn(move || waits.ask(&mut vec![2.0; 7]).unwrap_err().to_string());
    while batcher.0.0.state.lock().waiting.is_empty() {
        thread::yield_now();
    }
    // Both while the device opens, which it does for as long as the gate is held.
    let errors = [first.join().unwrap(), second.join().unwrap()];
    assert!(errors[0].contains("does not come back") && errors[1].contains("being opened"), "{errors:?}");
    let error = comes.ask(&mut vec![3.0; 7]).unwrap_err().to_string();
    assert!(error.contains("being opened"), "{error}");
    drop(gate);
    *double.hangs.lock() = false;
    double.freed.notify_all();
    assert_eq!(when_open(&comes, 4.0).unwrap()[0].corners[0], 4.0);
}

#[test]
fn a_device_that_always_hangs_is_not_tried_for_ever() {
    let (double, batcher) = start(BatchOptions { wait_ms: 0, stall_ms: 20, ..LONG }, 64);
    *double.hangs.lock() = true;
    let line = batcher.line();
    let mut errors = Vec::new();
    while !errors.iter().any(|e: &String| e.contains("closed")) {
        errors.push(when_open(&line, 1.0).unwrap_err().to_string());
    }
    assert_eq!(errors.len(), MAX_GIVEN_UP + 2, "{errors:?}");
    assert_eq!(double.opened.load(Ordering::Relaxed), 1 + MAX_GIVEN_UP);
    *double.hangs.lock() = false;
    double.freed.notify_all();
}

#[test]
fn closing_answers_everybody() {
    let (double, batcher) = start(LONG, 64);
    let (line, waits) = (batcher.line(), batcher.line());
    let waiting = thread::spawn(move || waits.ask(&mut vec![1.0; 7]).unwrap_err().to_string());
    while batcher.0.0.state.lock().waiting.is_empty() {
        thread::yield_now();
    }
    batcher.close();
    assert!(waiting.join().unwrap().contains("closed"));
    assert!(line.ask(&mut vec![2.0; 7]).unwrap_err().to_string().contains("closed"));
    assert!(double.batches.lock().is_empty());
}
