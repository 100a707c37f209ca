//! Two runners, an analyst and automatic isolation act on one host in random order, while its sensor comes and goes.
//! Whatever happens: no lease releases another's isolation, nothing of ours is left armed after a release was reported,
//! and nothing false is said. A failure prints its seed and the steps; `MODEL_SEED` runs that one alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use defender_response::emulator::{Act, Actor, Emulator, FaultRule, PlainFault};
use defender_response::{
    Client, IsolationType, Lease, LeaseEnd, MachineHandle, TestClock, Timestamp,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::script::signing_in_to;
use crate::truth::{armed, is_true};

const SEEDS: u64 = 120;
const STEPS: usize = 40;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(items.len() as u64)).unwrap()]
    }
}

/// What was done, printed when the test fails.
#[derive(Clone)]
struct Steps(u64, Arc<Mutex<Vec<String>>>, Emulator);

impl Steps {
    fn note(&self, step: impl Into<String>) {
        self.1.lock().unwrap().push(step.into());
    }
}

struct PrintOnFailure(Steps);

impl Drop for PrintOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Steps(seed, steps, emulator) = &self.0;
            let steps = steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            eprintln!("MODEL_SEED={seed}\n{}", steps.join("\n"));
            for a in emulator.actions() {
                eprintln!(
                    "{} {} {} created {} ended {} {}",
                    a["type"],
                    a["id"],
                    a["status"],
                    a["creationDateTimeUtc"],
                    a["lastUpdateDateTimeUtc"],
                    a["requestorComment"]
                );
            }
        }
    }
}

/// How often each thing came about, so that a model in which nothing happens fails.
#[derive(Debug, Default)]
struct Tally {
    leases: u32,
    released: u32,
    superseded: u32,
    ensured: u32,
    states: u32,
}

struct Runner {
    name: &'static str,
    client: Client,
    host: MachineHandle,
    lease: Arc<Mutex<Option<Lease>>>,
    busy: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct World {
    emulator: Emulator,
    steps: Steps,
    tally: Arc<Mutex<Tally>>,
}

impl World {
    fn now(&self) -> String {
        self.emulator.journal().last().map(|entry| entry.at.clone()).unwrap_or_default()
    }

    fn tell(&self, who: &str, what: &str) {
        self.steps.note(format!("  {} {who}: {what}", self.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn no_interleaving_makes_it_undo_anothers_doing_or_say_something_false() {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let seeds = match std::env::var("MODEL_SEED") {
        Ok(seed) => seed.parse().unwrap()..=seed.parse().unwrap(),
        Err(_) => 1..=SEEDS,
    };
    let all = std::env::var("MODEL_SEED").is_err();
    for seed in seeds {
        one_world(seed, &tally).await;
    }
    let tally = tally.lock().unwrap();
    let enough = tally.leases > 100 && tally.released > 30 && tally.superseded > 10;
    assert!(!all || (enough && tally.ensured > 50 && tally.states > 300), "{tally:?}");
}

async fn one_world(seed: u64, tally: &Arc<Mutex<Tally>>) {
    let mut random = Random(seed);
    let clock = Arc::new(TestClock::starting_at("2026-03-01T03:00:00Z".parse().unwrap()));
    let emulator = Emulator::builder()
        .clock(clock.clone())
        .settle(Duration::from_secs(random.one_of(&[2, 10, 30])))
        .set("duplicate_action", random.one_of(&["same_action", "refused", "stuck"]))
        .unwrap()
        .set("cancel_in_progress", random.one_of(&["refused", "lost", "cancelled"]))
        .unwrap()
        .set("opposite_action", random.one_of(&["refused", "refused", "accepted"]))
        .unwrap()
        .build();
    let steps = Steps(seed, Arc::default(), emulator.clone());
    let _print = PrintOnFailure(steps.clone());
    let id = emulator.machines()[0].id.clone();
    let world = World { emulator: emulator.clone(), steps, tally: Arc::clone(tally) };
    let mut runners: Vec<_> = ["runner one", "runner two"]
        .into_iter()
        .map(|n| runner(n, &emulator, &clock, &id))
        .collect();

    for _ in 0..STEPS {
        match random.below(10) {
            0..=5 => {
                let runner = &mut runners[usize::try_from(random.below(2)).unwrap()];
                if runner.busy.as_ref().is_none_or(JoinHandle::is_finished) {
                    if let Some(done) = runner.busy.take() {
                        done.await.unwrap();
                    }
                    let what = random.below(10);
                    runner.busy = Some(act(runner, &world, what, random.below(300) + 1));
                }
            }
            6 | 7 => {
                let actor = random.one_of(&[Actor::Analyst, Actor::Analyst, Actor::Automatic]);
                let what = random.one_of(&[Act::Isolate, Act::Release]);
                let what = if actor == Actor::Automatic { Act::Isolate } else { what };
                let outcome = emulator.act(actor, &id, what, "by hand").map_err(|e| e.to_string());
                world.tell(&format!("{actor:?}"), &format!("{what:?} {outcome:?}"));
            }
            8 => {
                let armed = [armed(&emulator, "Isolate"), armed(&emulator, "Unisolate")].concat();
                if !armed.is_empty() {
                    let action = &armed[usize::try_from(random.below(armed.len() as u64)).unwrap()];
                    let outcome = emulator.cancel_as(Actor::Analyst, action, "no");
                    world.tell("Analyst", &format!("cancel {action} {outcome:?}"));
                }
            }
            _ => {
                let time = Duration::from_secs(random.below(120) + 1);
                match random.below(6) {
                    4 | 5 => lose_an_answer(&mut random, &world),
                    0 => emulator.set_offline(&id, Some(time)).unwrap(),
                    1 => emulator.set_online(&id).unwrap(),
                    n => emulator.set_mute(&id, n == 2).unwrap(),
                }
                world.tell("sensor", &format!("{time:?}"));
            }
        }
        let pause = random.one_of(&[0, 0, 1, 5, 7, 20, 40]) * 1000 + random.below(900);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    emulator.set_mute(&id, false).unwrap();
    emulator.set_online(&id).unwrap();
    for runner in runners {
        if let Some(busy) = runner.busy {
            busy.await.unwrap();
        }
        let state = runner.host.state().await.unwrap();
        is_true(&emulator, &state);
    }
    nobody_was_undone(&emulator.actions());
}

fn lose_an_answer(random: &mut Random, world: &World) {
    let operation = random.one_of(&["isolate", "unisolate", "cancel_machine_action", "*"]);
    let fault = random.one_of(&[
        PlainFault::ResetBeforeEffect,
        PlainFault::ResetAfterEffect,
        PlainFault::HalfBody,
    ]);
    world.emulator.fault(FaultRule::new(operation, fault)).unwrap();
    world.tell("network", &format!("{operation} {fault:?}"));
}

fn runner(name: &'static str, emulator: &Emulator, clock: &Arc<TestClock>, id: &str) -> Runner {
    let client = signing_in_to(emulator)
        .base_url(emulator.base_url())
        .authority(emulator.authority())
        .transport(emulator.transport())
        .clock(clock.clone())
        .build()
        .unwrap();
    let host = client.machine(id.parse::<defender_response::MachineId>().unwrap());
    Runner { name, client, host, lease: Arc::default(), busy: None }
}

fn act(runner: &Runner, world: &World, what: u64, limit: u64) -> JoinHandle<()> {
    let (name, client, host) = (runner.name, runner.client.clone(), runner.host.clone());
    let (world, kept) = (world.clone(), Arc::clone(&runner.lease));
    let limit = Duration::from_secs(limit);
    let lease = kept.lock().unwrap().clone();
    tokio::spawn(async move {
        let emulator = &world.emulator;
        match (what, lease) {
            (0..=3, None) => {
                world.tell(name, "contain");
                let review: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
                let lease = host.contain("model", name, review).await;
                world.tell(name, &format!("contained {:?}", lease.as_ref().map(Lease::action)));
                if let Ok(lease) = lease {
                    world.tally.lock().unwrap().leases += 1;
                    *kept.lock().unwrap() = Some(lease);
                }
            }
            (0..=4, Some(lease)) => {
                world.tell(name, &format!("release {}", lease.action()));
                let end = lease.release(&client, "model").within(limit).await;
                world.tell(name, &format!("ended {end:?}"));
                let mut tally = world.tally.lock().unwrap();
                match end {
                    Ok(LeaseEnd::Superseded { .. }) => tally.superseded += 1,
                    Ok(_) => tally.released += 1,
                    Err(_) => return,
                }
                // Whatever came instead, nothing of the lease's is left to undo it.
                let left: Vec<_> = of_lease(emulator, &lease).collect();
                assert_eq!(left, Vec::<Value>::new(), "armed after the end of {}", lease.action());
                *kept.lock().unwrap() = None;
            }
            (4 | 5, _) => {
                world.tell(name, "ensure isolated");
                let ensure = host.ensure_isolated(IsolationType::Full, name).within(limit).await;
                world.tell(name, &format!("{ensure:?}"));
                if let Ok(ensured) = ensure {
                    is_true(emulator, &ensured.state);
                    world.tally.lock().unwrap().ensured += 1;
                }
            }
            (6, _) => {
                world.tell(name, "ensure released");
                let ensure = host.ensure_released(name).within(limit).await;
                world.tell(name, &format!("{ensure:?}"));
                if let Ok(ensured) = ensure {
                    is_true(emulator, &ensured.state);
                    assert_eq!(armed(emulator, "Isolate"), Vec::<String>::new());
                    world.tally.lock().unwrap().ensured += 1;
                }
            }
            _ => {
                let state = host.state().await.unwrap();
                world.tell(name, &format!("{}", state.isolation));
                is_true(emulator, &state);
                world.tally.lock().unwrap().states += 1;
            }
        }
    })
}

/// What is armed of a lease's: its isolation, what carries its reference too, and releases for it.
fn of_lease(emulator: &Emulator, lease: &Lease) -> impl Iterator<Item = Value> {
    let actions = emulator.actions();
    let comment = |a: &Value| a["requestorComment"].as_str().unwrap_or_default().to_owned();
    let own = actions.iter().find(|a| a["id"].as_str() == Some(lease.action().as_str())).unwrap();
    let (own, mark) = (comment(own), format!(" | ends: {}", lease.action()));
    actions.into_iter().filter(move |action| {
        let running = ["Pending", "InProgress"].contains(&action["status"].as_str().unwrap());
        let isolation = action["type"] == "Isolate" && comment(action) == own;
        running && (isolation || comment(action).ends_with(&mark))
    })
}

/// No release of ours came while an isolation was in force, or under way, that wasn't its to end.
fn nobody_was_undone(actions: &[Value]) {
    let time =
        |action: &Value, name: &str| action[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    let created = |action: &Value| time(action, "creationDateTimeUtc");
    let ended = |action: &Value| time(action, "lastUpdateDateTimeUtc");
    let comment = |action: &Value| action["requestorComment"].as_str().unwrap().to_owned();
    let of = |kind: &str| actions.iter().filter(|a| a["type"] == kind).collect::<Vec<_>>();
    for release in of("Unisolate").into_iter().filter(|a| comment(a).starts_with("[dr-")) {
        let lease = comment(release).split_once(" | ends: ").map(|(_, id)| id.to_owned());
        for isolation in of("Isolate") {
            let own = match &lease {
                Some(lease) => isolation["id"].as_str() == Some(lease),
                // Anything of this crate's that is under no lease.
                None => {
                    comment(isolation).starts_with("[dr-")
                        && !comment(isolation).contains(" | owner: ")
                }
            };
            let before = created(isolation) < created(release);
            let under_way = ended(isolation) > created(release);
            let in_force = isolation["status"] == "Succeeded"
                && !of("Unisolate").iter().any(|other| {
                    other["status"] == "Succeeded"
                        && ended(other) >= ended(isolation)
                        && ended(other) <= created(release)
                });
            assert!(
                own || !before || !(under_way || in_force),
                "{} undid {}",
                release["id"],
                isolation["id"]
            );
        }
    }
}
