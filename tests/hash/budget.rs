//! The pool that bounds hashing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;
use userbridge::hash::{Budget, BudgetConfig, Busy};

fn pool(threads: usize, queue: usize, memory: u64) -> Arc<Budget> {
    Arc::new(Budget::new(BudgetConfig { threads, queue, memory }).unwrap())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Occupies a thread until told to go on.
fn occupy(pool: &Arc<Budget>, memory: u64) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Busy>>) {
    let (go, gate) = mpsc::channel();
    let pool = Arc::clone(pool);
    let task = tokio::spawn(async move { pool.run(memory, soon(), move || gate.recv().unwrap()).await });
    (go, task)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_job_gives_its_result() {
    assert_eq!(pool(2, 4, 100).run(100, soon(), || 6 * 7).await, Ok(42));
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let pool = pool(1, 1, 0);
    let (go, first) = occupy(&pool, 0);
    until(|| pool.state().running == 1).await;
    let (go_on, second) = occupy(&pool, 0);
    until(|| pool.state().queued == 1).await;
    assert_eq!(pool.run(0, soon(), || ()).await, Err(Busy::QueueFull));
    go.send(()).unwrap();
    go_on.send(()).unwrap();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(()), Ok(())));
}

#[tokio::test]
async fn memory_is_never_exceeded() {
    let pool = pool(4, 64, 100);
    assert_eq!(pool.run(101, soon(), || ()).await, Err(Busy::TooLarge));
    let (held, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let jobs: Vec<_> = (0..40)
        .map(|i| {
            let (pool, held, most, need) = (Arc::clone(&pool), Arc::clone(&held), Arc::clone(&most), 20 + (i % 5) * 10);
            tokio::spawn(async move {
                let job = move || {
                    most.fetch_max(held.fetch_add(need, Ordering::SeqCst) + need, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(2));
                    held.fetch_sub(need, Ordering::SeqCst);
                };
                pool.run(need as u64, soon(), job).await
            })
        })
        .collect();
    for job in jobs {
        assert_eq!(job.await.unwrap(), Ok(()));
    }
    assert!(most.load(Ordering::SeqCst) <= 100);
    until(|| pool.state().memory == 0 && pool.state().running == 0).await;
}

#[tokio::test]
async fn a_job_whose_caller_left_is_not_started() {
    let pool = pool(1, 8, 0);
    let (go, first) = occupy(&pool, 0);
    until(|| pool.state().running == 1).await;
    let started = Arc::new(AtomicUsize::new(0));
    let (seen, waiting) = (Arc::clone(&started), Arc::clone(&pool));
    let task = tokio::spawn(async move { waiting.run(0, soon(), move || seen.fetch_add(1, Ordering::SeqCst)).await });
    until(|| pool.state().queued == 1).await;
    task.abort();
    until(|| pool.state().queued == 0).await;
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(pool.run(0, soon(), || 1).await, Ok(1));
    assert_eq!(started.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn abandoned_jobs_do_not_fill_the_queue() {
    let pool = pool(1, 1, 0);
    let (go, first) = occupy(&pool, 0);
    until(|| pool.state().running == 1).await;
    for _ in 0..5 {
        let short = Instant::now() + Duration::from_millis(5);
        assert_eq!(pool.run(0, short, || ()).await, Err(Busy::Deadline));
    }
    go.send(()).unwrap();
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_permit_outlives_a_caller_that_left() {
    let pool = pool(2, 8, 100);
    let (go, first) = occupy(&pool, 80);
    until(|| pool.state().running == 1).await;
    first.abort();
    let short = Instant::now() + Duration::from_millis(50);
    assert_eq!(pool.run(80, short, || ()).await, Err(Busy::Deadline), "the memory is still in use");
    assert_eq!(pool.state().memory, 80);
    go.send(()).unwrap();
    assert_eq!(pool.run(80, soon(), || ()).await, Ok(()));
}

#[tokio::test]
async fn a_panic_is_its_callers_only() {
    let pool = pool(1, 8, 10);
    assert_eq!(pool.run(10, soon(), || -> u8 { panic!("expected in this test") }).await, Err(Busy::Panicked));
    assert_eq!(pool.run(10, soon(), || 1).await, Ok(1));
}

/// Compares the pool with as many bare threads, round by round in turn. The pool lowers its priority, so beside other
/// work the bare threads must do so too: `nice -n 5` before
/// `cargo test --release --test tests hash::budget::the_pool_costs -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a quiet machine"]
async fn the_pool_costs_less_than_a_twentieth() {
    const HASHES: usize = 100;
    let threads = std::thread::available_parallelism().unwrap().get();
    let pool = pool(threads, 4 * HASHES, 1 << 30);
    let policy = Arc::new(super::policy(userbridge::hash::Accept::Auto, super::named("argon2id")));
    let written = policy.write_blocking(&userbridge::secret::Password::new("a"), &mut super::counter()).unwrap();
    let hash = move || {
        assert!(policy.verify_blocking(&userbridge::secret::Password::new("a"), &written.as_stored()).is_ok());
    };
    let (mut bare, mut pooled) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let hash = hash.clone();
                std::thread::spawn(move || (0..HASHES).for_each(|_| hash()))
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        bare.push(start.elapsed());
        let start = std::time::Instant::now();
        let jobs: Vec<_> = (0..threads * HASHES)
            .map(|_| {
                let (pool, hash) = (Arc::clone(&pool), hash.clone());
                tokio::spawn(async move { pool.run(19456 * 1024, soon() + Duration::from_secs(60), hash).await })
            })
            .collect();
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        pooled.push(start.elapsed());
    }
    bare.sort();
    pooled.sort();
    println!("bare {:?}, pooled {:?}", bare[2], pooled[2]);
    assert!(pooled[2].as_secs_f64() * 0.95 <= bare[2].as_secs_f64());
}

#[tokio::test]
async fn who_could_not_begin_in_time_is_told_at_once() {
    let pool = pool(1, 64, 0);
    let long = || std::thread::sleep(Duration::from_millis(50));
    pool.run(0, soon(), long).await.unwrap();
    let (go, running) = occupy(&pool, 0);
    until(|| pool.state().running == 1).await;
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(0, soon(), || ()).await })
        })
        .collect();
    until(|| pool.state().queued == 4).await;
    // Four jobs before it take 200 ms at the pace of the first one.
    let asked = Instant::now();
    let tight = asked + Duration::from_millis(150);
    assert_eq!(pool.run_soon(0, tight, soon(), || ()).await, Err(Busy::QueueFull));
    assert!(asked.elapsed() < Duration::from_millis(140), "{:?}", asked.elapsed());
    // Who has the time waits and is served.
    let patient = Arc::clone(&pool);
    let patient = tokio::spawn(async move { patient.run_soon(0, soon(), soon(), || 1).await });
    until(|| pool.state().queued == 5).await;
    go.send(()).unwrap();
    running.await.unwrap().unwrap();
    for job in waiting {
        job.await.unwrap().unwrap();
    }
    assert_eq!(patient.await.unwrap(), Ok(1));
    // Quick jobs make the pace quick again, so that one slow one is forgotten.
    for _ in 0..40 {
        pool.run(0, soon(), || ()).await.unwrap();
    }
    let (go, running) = occupy(&pool, 0);
    until(|| pool.state().running == 1).await;
    let waits = Arc::clone(&pool);
    let one = tokio::spawn(async move { waits.run(0, soon(), || ()).await });
    until(|| pool.state().queued == 1).await;
    assert_eq!(pool.run_soon(0, Instant::now() + Duration::from_millis(20), soon(), || ()).await, Err(Busy::Waited));
    go.send(()).unwrap();
    running.await.unwrap().unwrap();
    one.await.unwrap().unwrap();
}
