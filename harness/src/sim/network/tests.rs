//! Links by themselves: order, loss, rules, lines.

use std::time::Duration;

use super::*;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Note(u32, u32);

impl Letter for Note {
    fn bytes(&self) -> u64 {
        100
    }

    fn kind(&self) -> Kinds {
        Kinds(self.1)
    }
}

const LINK: Link = Link::peers(0, 1);

struct Post {
    network: Network<Note>,
    sent: Vec<Sent<Note>>,
    now: Moment,
}

impl Post {
    fn new(weather: Weather) -> Self {
        let mut network = Network::new(7, 3, weather);
        for (from, to) in [(0, 1), (1, 0), (0, 2)] {
            assert!(network.dial(0, Link::peers(from, to), true, &mut Vec::new()).is_ok());
        }
        Self { network, sent: Vec::new(), now: 0 }
    }

    fn post(&mut self, number: u32) -> &mut Self {
        self.now += 1_000;
        let lane = self.network.lane(LINK);
        let thrown = self.network.post(self.now, lane, Note(number, 1), &mut self.sent);
        assert_eq!(thrown, None);
        self
    }

    fn rule(&mut self, rule: LinkRule) -> bool {
        self.network.set_rule(self.now, LINK, rule, &mut self.sent)
    }

    /// Numbers of the letters that arrive, in order of time.
    fn arrived(&mut self) -> Vec<u32> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.sort_by_key(|sent| sent.at);
        sent.retain(|sent| self.network.arrives(sent));
        sent.into_iter().map(|sent| sent.letter.0).collect()
    }
}

fn stormy() -> Weather {
    Weather {
        tail: 300_000,
        tail_max: 90_000_000,
        datagrams: true,
        loss: 100_000,
        double: 100_000,
        double_max: 1_000_000_000,
        ..Weather::CALM
    }
}

#[test]
fn on_a_line_letters_arrive_once_and_in_order() {
    let mut post = Post::new(Weather { datagrams: false, ..stormy() });
    for number in 0..500 {
        post.post(number);
    }
    assert!(post.sent.iter().all(|sent| sent.at > 200_000));
    assert_eq!(post.arrived(), (0..500).collect::<Vec<_>>());
}

#[test]
fn datagrams_are_lost_doubled_and_overtaken_about_as_often_as_the_weather_says() {
    let mut post = Post::new(stormy());
    for number in 0..10_000 {
        post.post(number);
    }
    let arrived = post.arrived();
    let mut counts = vec![0; 10_000];
    for number in &arrived {
        counts[*number as usize] += 1;
    }
    let with = |count| counts.iter().filter(|seen| **seen == count).count();
    assert!((850..1_150).contains(&with(0)), "{}", with(0));
    assert!((750..1_050).contains(&with(2)), "{}", with(2));
    assert!(!arrived.is_sorted());
    let mut again = Post::new(stormy());
    for number in 0..10_000 {
        again.post(number);
    }
    assert_eq!(again.arrived(), arrived, "a seed is a world");
}

#[test]
fn a_stall_keeps_everything_and_a_cut_loses_what_came_under_it() {
    let mut post = Post::new(Weather::CALM);
    post.post(1);
    assert!(!post.rule(LinkRule::Stall));
    post.post(2).post(3);
    assert_eq!(post.network.stats(LINK).bytes_held, 200);
    assert!(!post.rule(LinkRule::Pass));
    assert_eq!(post.arrived(), [1, 2, 3]);
    assert!(!post.rule(LinkRule::Cut));
    post.post(4);
    assert!(post.rule(LinkRule::Pass), "connections break when a cut heals");
    let stats = post.network.stats(LINK);
    assert_eq!((stats.bytes_held, stats.bytes_dropped), (0, 100));
    assert!(post.arrived().is_empty());
}

#[test]
fn a_broken_line_loses_what_is_under_way_and_keeps_what_comes_until_it_is_dialled() {
    let mut post = Post::new(Weather::CALM);
    post.post(1);
    let again = post.network.break_line(post.now, LINK).unwrap();
    assert_eq!(again, post.now + BACKOFF_MIN);
    assert_eq!(post.network.break_line(post.now, LINK), None, "it is down already");
    post.post(2);
    assert!(post.arrived().is_empty());
    let failed = post.network.dial(again, LINK, false, &mut post.sent).unwrap_err();
    assert_eq!((failed.lost, failed.again), (vec![Note(2, 1)], again + BACKOFF_MIN));
    post.post(3);
    let failed = post.network.dial(again, LINK, false, &mut post.sent).unwrap_err();
    assert_eq!((failed.lost, failed.again), (vec![Note(3, 1)], again + 2 * BACKOFF_MIN));
    post.post(4);
    post.network.dial(again, LINK, true, &mut post.sent).unwrap();
    assert_eq!(post.post(5).arrived(), [4, 5]);
}

#[test]
fn refused_and_swallowed_dials_fail_in_their_own_time() {
    for (rule, takes) in [(LinkRule::Refuse, 0), (LinkRule::Blackhole, DIAL_PATIENCE)] {
        for link in [LINK, LINK.reverse()] {
            let mut post = Post::new(Weather::CALM);
            post.network.set_rule(0, link, rule, &mut post.sent);
            post.network.break_line(0, LINK);
            let failed = post.network.dial(0, LINK, true, &mut post.sent).unwrap_err();
            assert_eq!(failed.again, takes + BACKOFF_MIN, "{rule} on {link}");
        }
    }
}

#[test]
fn an_outbox_is_bounded_and_the_oldest_goes() {
    let mut post = Post::new(Weather::CALM);
    post.network.break_line(0, LINK);
    let lane = post.network.lane(LINK);
    let mut thrown = Vec::new();
    for number in 0..OUTBOX_MAX as u32 + 2 {
        thrown.extend(post.network.post(0, lane, Note(number, 1), &mut post.sent));
    }
    assert_eq!(thrown, [Note(0, 1), Note(1, 1)]);
}

#[test]
fn a_throttle_carries_so_many_bytes_a_second_and_a_delay_comes_on_top() {
    let mut post = Post::new(Weather { mean: 0, ..Weather::CALM });
    post.rule(LinkRule::Throttle { bytes_per_second: 1_000 });
    post.post(1).post(2);
    let times: Vec<_> = post.sent.drain(..).map(|sent| sent.at).collect();
    assert_eq!(times, [100_201_000, 200_201_000]);
    let [mean, jitter] = [50, 40].map(Duration::from_millis);
    post.rule(LinkRule::Delay { mean, jitter });
    let lane = post.network.lane(LINK);
    post.network.post(1_000_000_000, lane, Note(3, 1), &mut post.sent);
    let delay = post.sent[0].at - 1_000_000_000;
    assert!((10_200_000..=90_200_000).contains(&delay), "{delay}");
}

#[test]
fn filters_hold_or_drop_kinds_of_letters() {
    let mut post = Post::new(Weather::CALM);
    let lane = post.network.lane(LINK);
    post.network.add_filter(Filter::new(1, Some(LINK), Kinds(2), Act::Hold));
    post.network.add_filter(Filter::new(2, None, Kinds(4), Act::Drop));
    for (number, kind) in [(1, 1), (2, 2), (3, 4), (4, 2), (5, 1)] {
        post.network.post(0, lane, Note(number, kind), &mut post.sent);
    }
    let other = post.network.lane(Link::peers(0, 2));
    post.network.post(0, other, Note(6, 2), &mut post.sent);
    assert_eq!(post.network.remove_filters(0, 2, &mut post.sent), 1);
    let mut arrived = post.arrived();
    arrived.sort_unstable();
    assert_eq!(arrived, [1, 5, 6]);
    assert_eq!(post.network.remove_filters(9, 1, &mut post.sent), 2);
    assert_eq!(post.arrived(), [2, 4]);
}
