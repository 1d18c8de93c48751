//! When it is killed.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};

use super::chance::Chance;
use super::place::Place;
use crate::town::PATIENCE;

/// What GitLab is asked for by who catches up, and by nobody else.
const CATCHING_UP: &str = r"[?&](updated_after|order_by=updated_at)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// While it starts.
    Starting,
    /// While it starts, and while it starts again.
    TwiceInARow,
    /// While people work, at any moment.
    Working,
    /// While it looks for comments of which no webhook has told.
    CatchingUp,
    /// After SIGTERM, before it has ended.
    Draining,
    /// While an admin has what was given up tried again.
    TryingAgain,
    /// When a flag was just switched, and then somebody undoes that.
    Switching,
}

use Moment::{CatchingUp, Draining, Starting, Switching, TryingAgain, TwiceInARow, Working};

impl Moment {
    /// So many in any order, each at least once where there is room for it; half of the others while people work.
    pub(super) fn plan(chance: &mut Chance, count: usize) -> Vec<Self> {
        let mut plan = vec![Starting, TwiceInARow, CatchingUp, Draining, TryingAgain, Switching];
        plan.resize_with(count, || {
            chance.of(&[
                Working,
                Working,
                Working,
                Working,
                Working,
                Working,
                Starting,
                TwiceInARow,
                CatchingUp,
                Draining,
                TryingAgain,
                Switching,
            ])
        });
        chance.shuffle(&mut plan);
        plan
    }
}

impl Place {
    /// People work, and the program is killed at such a moment.
    pub(super) async fn kill_at(&mut self, moment: Moment) {
        self.diary.push(format!("{moment:?}"));
        for _ in 0..self.chance.below(3) {
            self.act().await;
        }
        match moment {
            Starting => self.kill_starting(250).await,
            TwiceInARow => {
                self.kill_starting(60).await;
                self.kill_starting(120).await;
            }
            Working => self.kill_working().await,
            CatchingUp => self.kill_catching_up().await,
            Draining => self.kill_draining().await,
            TryingAgain => self.kill_trying_again().await,
            Switching => self.kill_switching().await,
        }
    }

    /// A moment is what all of this is about, so it is waited for by the clock.
    async fn a_moment(&mut self, milliseconds: u64) {
        let moment = self.chance.moment(milliseconds);
        tokio::time::sleep(moment).await;
    }

    async fn kill_starting(&mut self, milliseconds: u64) {
        let daemon = self.start();
        self.a_moment(milliseconds).await;
        daemon.kill();
        self.killed += 1;
    }

    async fn kill_working(&mut self) {
        let daemon = self.up().await;
        self.sends_what_failed_again().await;
        let many = 1 + self.chance.below(9);
        self.work(many).await;
        self.a_moment(60).await;
        daemon.kill();
        self.killed += 1;
    }

    /// People do something, one thing after the other.
    async fn work(&mut self, times: usize) {
        for _ in 0..times {
            self.act().await;
            if self.chance.once_in(3) {
                self.some_requests_later().await;
            }
        }
    }

    /// Until some requests have gone through, so that the kill meets every stage of the work.
    async fn some_requests_later(&mut self) {
        let more = self.gitlab.faults().log().len() + self.chance.below(12);
        let _ = self.gitlab.faults().until(Duration::from_millis(400), |log| log.len() >= more).await;
    }

    async fn kill_catching_up(&mut self) {
        // Only a look of its own can find this.
        for _ in 0..=self.chance.below(3) {
            self.gitlab.drop_deliveries(true);
            self.asks();
        }
        self.gitlab.drop_deliveries(false);
        let looked = self.gitlab.faults().count("GET", CATCHING_UP) + self.chance.below(3);
        let daemon = self.start();
        let faults = self.gitlab.faults().clone();
        let pattern = regex::Regex::new(CATCHING_UP).unwrap();
        let looks = faults.until(PATIENCE, |log| {
            log.iter().filter(|request| pattern.is_match(&request.path_and_query())).count() > looked
        });
        assert!(looks.await.is_ok(), "{}", self.failed("it does not catch up"));
        self.a_moment(30).await;
        daemon.kill();
        self.killed += 1;
    }

    async fn kill_draining(&mut self) {
        let daemon = self.up().await;
        let many = 1 + self.chance.below(4);
        self.work(many).await;
        daemon.tell_to_end();
        self.a_moment(40).await;
        let ended = daemon.kill();
        let well = ended.success() || std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9);
        assert!(well, "{}", self.failed(&format!("it ended with {ended}")));
        self.killed += 1;
    }

    async fn kill_trying_again(&mut self) {
        let daemon = self.up().await;
        let faults = self.gitlab.faults().clone();
        let refused = faults.add(Rule::new("POST", r"/notes$", Fault::status(403)).times(1));
        self.asks();
        let mut told = faults.watch();
        let hit = async {
            while faults.hits(refused) == 0 {
                told.changed().await.unwrap();
            }
        };
        let hit = tokio::time::timeout(PATIENCE, hit).await;
        assert!(hit.is_ok(), "{}", self.failed("nothing is written"));
        self.until_given_up().await;
        faults.remove(refused);
        let admin = self.run(&["queue", "retry", "--all"]);
        self.a_moment(80).await;
        daemon.kill();
        self.killed += 1;
        if self.chance.once_in(2) {
            admin.kill();
        } else {
            // Without a daemon it may have gone on with the store itself: nobody may kill that for it.
            admin.ended();
        }
    }

    async fn kill_switching(&mut self) {
        let daemon = self.up().await;
        let asked = self.asks_for_a_switch();
        if let Some((spot, _)) = asked {
            let wanted = self.turns_wanted(spot);
            let switched = async {
                let mut tick = tokio::time::interval(Duration::from_millis(1));
                while self.services.turns(spot).len() < wanted {
                    tick.tick().await;
                }
            };
            let switched = tokio::time::timeout(PATIENCE, switched).await;
            assert!(switched.is_ok(), "{}", self.failed("nothing is switched"));
            self.a_moment(5).await;
        }
        daemon.kill();
        self.killed += 1;
        if let Some((spot, note)) = asked {
            self.undoes(spot, note);
        }
    }

    /// Until something is given up. What is made true meanwhile by something else is not.
    async fn until_given_up(&self) {
        let given_up = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            while self.waiting(&["dead"]).await == Some(0) {
                tick.tick().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(2), given_up).await;
    }
}
