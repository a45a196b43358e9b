//! Bank: transfers move money between accounts, so all balances together stay what they are.
//!
//! `read` answers the balances of all accounts, `[[account balance] ...]`; `transfer` takes `[from to amount]` or, as
//! Jepsen has it, a map with these names. A read is wrong if
//! - its balances do not add up to the total: the option, or else what most reads add up to (of those that are equally
//!   many, what was read first), as reads of one bank must all agree whatever the total is;
//! - a balance is below zero, unless negative balances are allowed;
//! - it has no balance (nil) for an account.
//!
//! With the balances at the start known ([`PropertyOptions::balances`]), a read is wrong too if it names other accounts
//! than these, or if a balance is not between what transfers can have made of it, at the least and at the most (as
//! a counter is checked): a lost or doubled transfer keeps the total where both of its halves are lost or doubled.
//!
//! Reads of several banks in one history are told apart by the key. Counts: `reads`, `transfers` (not failed),
//! `wrong-reads`. Quantiles: `deviation`, by how much totals are wrong.

use std::collections::BTreeMap;

use crate::Value;
use crate::history::History;
use crate::stop::{Pace, Stopped};

use super::bounds::{self, Change, Span};
use super::read::{self, Op};
use super::report::{self, About, Halt, Notebook, PropertyReport, Rule, many, object, who};
use super::{PropertyError, PropertyKind, PropertyOptions};

const PROPERTY: PropertyKind = PropertyKind::Bank;

/// Accounts that a sentence names.
const ACCOUNTS_SHOWN_MAX: usize = 12;

/// Checks each completed read.
pub fn check(
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    report::on(PROPERTY, history, options, |notes| {
        for count in ["reads", "transfers", "wrong-reads"] {
            notes.count(count, 0);
        }
        let mut deviations = Vec::new();
        let mut reads = 0;
        for (name, ops) in read::by_object(history, notes)? {
            let bank = Bank::of(name, &ops, notes.pace)?;
            reads += bank.reads.len();
            bank.judge(options, &mut deviations, notes)?;
            notes.judged();
        }
        if reads == 0 {
            notes.doubt(|| "the balances were never read".to_owned());
        }
        notes.measure("deviation", deviations);
        Ok(())
    })
}

struct Bank<'a> {
    name: Option<&'a str>,
    reads: Vec<Read<'a>>,
    transfers: Vec<Transfer<'a>>,
}

struct Read<'a> {
    op: &'a Op<'a>,
    balances: BTreeMap<String, Option<i64>>,
}

struct Transfer<'a> {
    op: &'a Op<'a>,
    from: String,
    to: String,
    amount: i64,
}

impl Read<'_> {
    fn total(&self) -> i128 {
        self.balances.values().flatten().map(|balance| i128::from(*balance)).sum()
    }
}

impl<'a> Bank<'a> {
    fn of(name: Option<&'a str>, ops: &'a [Op<'a>], pace: &Pace<'_>) -> Result<Self, Halt> {
        let mut bank = Self { name, reads: Vec::new(), transfers: Vec::new() };
        for op in ops {
            pace.step(op.size())?;
            match op.f {
                "read" => {
                    if let Some(answer) = op.answer() {
                        let balances = balances_of(answer)
                            .ok_or_else(|| op.bad_answer(PROPERTY, "[[account balance] ...]"))?;
                        bank.reads.push(Read { op, balances });
                    }
                }
                "transfer" => {
                    let (from, to, amount) = transfer_of(&op.input)
                        .ok_or_else(|| op.bad_input(PROPERTY, "[from to amount]"))?;
                    if !op.failed() {
                        bank.transfers.push(Transfer { op, from, to, amount });
                    }
                }
                _ => return Err(op.unknown_function(PROPERTY).into()),
            }
        }
        Ok(bank)
    }

    fn judge(
        &self,
        options: &PropertyOptions<'_>,
        deviations: &mut Vec<u64>,
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        notes.count("reads", self.reads.len() as u64);
        notes.count("transfers", self.transfers.len() as u64);
        let total = self.total(options, notes.pace)?;
        let mut wrong = vec![false; self.reads.len()];
        for (read, wrong) in self.reads.iter().zip(&mut wrong) {
            notes.pace.step(read.balances.len() + 1)?;
            *wrong |= self.blame_accounts(read, options, notes);
            // Without an account's balance there is no total.
            if !*wrong {
                *wrong |= self.blame_total(read, total, deviations, notes);
            }
            if !options.negative_balances {
                *wrong |= self.blame_negative(read, notes);
            }
        }
        if let Some(initial) = &options.balances {
            self.blame_bounds(initial, &mut wrong, notes)?;
        }
        notes.count("wrong-reads", wrong.iter().filter(|wrong| **wrong).count() as u64);
        Ok(())
    }

    /// What balances must add up to.
    fn total(&self, options: &PropertyOptions<'_>, pace: &Pace<'_>) -> Result<i128, Stopped> {
        let given = options.total.map(i128::from);
        let initial = options.balances.as_ref();
        let initial =
            initial.map(|all| all.values().map(|balance| i128::from(*balance)).sum::<i128>());
        given.or(initial).map_or_else(|| self.usual_total(pace), Ok)
    }

    fn usual_total(&self, pace: &Pace<'_>) -> Result<i128, Stopped> {
        let mut totals: BTreeMap<i128, (usize, u64)> = BTreeMap::new();
        for read in self.reads.iter().filter(|read| read.balances.values().all(Option::is_some)) {
            pace.step(read.balances.len() + 1)?;
            let (times, first) = totals.entry(read.total()).or_insert((0, read.op.ret));
            *times += 1;
            *first = (*first).min(read.op.ret);
        }
        let most = totals.iter().max_by_key(|(_, (times, first))| (*times, u64::MAX - *first));
        Ok(most.map_or(0, |(total, _)| *total))
    }

    fn about(&self, read: &Read<'_>, values: Vec<Value>) -> About<'_> {
        About { object: self.name, values, operations: vec![read.op.id] }
    }

    /// Accounts that have no balance, or should not be there.
    fn blame_accounts(
        &self,
        read: &Read<'_>,
        options: &PropertyOptions<'_>,
        notes: &mut Notebook<'_>,
    ) -> bool {
        let known = options.balances.as_ref();
        let bank = object("of", self.name);
        let without = read.balances.iter().filter(|(_, balance)| balance.is_none());
        let left_out = known.iter().flat_map(|known| known.keys());
        let left_out = left_out.filter(|account| !read.balances.contains_key(*account));
        let missing: Vec<&String> = without.map(|(account, _)| account).chain(left_out).collect();
        let strange: Vec<&String> = read
            .balances
            .keys()
            .filter(|account| known.is_some_and(|known| !known.contains_key(*account)))
            .collect();
        if !missing.is_empty() {
            let about = self.about(read, texts(&missing));
            notes.blame(Rule::MissingAccount, read.op.ret, about, || {
                format!("{} read no balance of {}{bank}", who(read.op), accounts(&missing))
            });
        }
        if !strange.is_empty() {
            let about = self.about(read, texts(&strange));
            notes.blame(Rule::UnexpectedAccount, read.op.ret, about, || {
                let strange = accounts(&strange);
                format!("{} read a balance of {strange}{bank}, which does not exist", who(read.op))
            });
        }
        !missing.is_empty() || !strange.is_empty()
    }

    fn blame_total(
        &self,
        read: &Read<'_>,
        total: i128,
        deviations: &mut Vec<u64>,
        notes: &mut Notebook<'_>,
    ) -> bool {
        let sum = read.total();
        if sum == total {
            return false;
        }
        deviations.push(u64::try_from(sum.abs_diff(total)).unwrap_or(u64::MAX));
        let values = read.balances.values().map(|balance| balance.map_or(Value::Nil, Value::Int));
        let about = self.about(read, values.collect());
        notes.blame(Rule::WrongTotal, read.op.ret, about, || {
            format!(
                "{} read balances{} that add up to {sum}, not {total}: {}",
                who(read.op),
                object("of", self.name),
                listed(&read.balances)
            )
        });
        true
    }

    fn blame_negative(&self, read: &Read<'_>, notes: &mut Notebook<'_>) -> bool {
        let below = |(account, balance): (&'_ String, &Option<i64>)| {
            balance.filter(|balance| *balance < 0).map(|balance| (account.clone(), balance))
        };
        let Some((account, balance)) = read.balances.iter().find_map(below) else { return false };
        let about = self.about(read, vec![Value::Text(account.clone()), Value::Int(balance)]);
        notes.blame(Rule::NegativeBalance, read.op.ret, about, || {
            let of = format!("account {account}{}", object("of", self.name));
            format!("{} read {balance} of {of}, below zero", who(read.op))
        });
        true
    }

    /// Balances that no choice of transfers can explain.
    fn blame_bounds(
        &self,
        initial: &BTreeMap<String, i64>,
        wrong: &mut [bool],
        notes: &mut Notebook<'_>,
    ) -> Result<(), Stopped> {
        let mut changes: BTreeMap<&str, Vec<Change>> = BTreeMap::new();
        for Transfer { op, from, to, amount } in &self.transfers {
            let (call, ret) = (op.call, op.ret);
            if from != to {
                // The negation cannot overflow: amounts are not below zero.
                changes.entry(from).or_default().push(Change { call, ret, by: -amount });
                changes.entry(to).or_default().push(Change { call, ret, by: *amount });
            }
        }
        let spans: Vec<Span> =
            self.reads.iter().map(|read| Span { call: read.op.call, ret: read.op.ret }).collect();
        for (account, start) in initial {
            let changes = changes.remove(account.as_str()).unwrap_or_default();
            let bounds = bounds::of(*start, &changes, &spans, notes.pace)?;
            for ((read, (low, high)), wrong) in self.reads.iter().zip(bounds).zip(wrong.iter_mut())
            {
                let Some(Some(balance)) = read.balances.get(account) else { continue };
                if (low..=high).contains(&i128::from(*balance)) {
                    continue;
                }
                *wrong = true;
                let values = vec![Value::Text(account.clone()), Value::Int(*balance)];
                notes.blame(Rule::OutOfBounds, read.op.ret, self.about(read, values), || {
                    let of = format!("account {account}{}", object("of", self.name));
                    let p = who(read.op);
                    format!(
                        "{p} read {balance} of {of}, but it was from {low} to {high} all the while"
                    )
                });
            }
        }
        Ok(())
    }
}

/// Balances by account; `None` if the answer is of another shape, or has an account twice.
fn balances_of(answer: &Value) -> Option<BTreeMap<String, Option<i64>>> {
    let mut balances = BTreeMap::new();
    for (account, balance) in read::entries(answer)? {
        let balance = match balance {
            Value::Nil => None,
            Value::Int(balance) => Some(*balance),
            Value::Bool(_) | Value::Text(_) | Value::List(_) => return None,
        };
        if balances.insert(read::name_of(account)?, balance).is_some() {
            return None;
        }
    }
    Some(balances)
}

fn transfer_of(input: &Value) -> Option<(String, String, i64)> {
    let [first, second, third] = input.as_list()? else { return None };
    let (mut from, mut to, mut amount) = (first, second, third);
    if [first, second, third].iter().all(|item| read::pair(item).is_some()) {
        for (field, value) in read::entries(input)? {
            match field.as_text()? {
                "from" => from = value,
                "to" => to = value,
                "amount" => amount = value,
                _ => return None,
            }
        }
    }
    let amount = amount.as_int().filter(|amount| *amount >= 0)?;
    Some((read::name_of(from)?, read::name_of(to)?, amount))
}

fn texts(accounts: &[&String]) -> Vec<Value> {
    accounts.iter().map(|account| Value::Text((*account).clone())).collect()
}

/// `account 3`, `accounts 3, 4 and 7 more`.
fn accounts(names: &[&String]) -> String {
    let shown: Vec<&str> =
        names.iter().take(ACCOUNTS_SHOWN_MAX).map(|name| name.as_str()).collect();
    let word = if names.len() == 1 { "account" } else { "accounts" };
    format!("{word} {}{}", shown.join(", "), rest(names.len()))
}

fn listed(balances: &BTreeMap<String, Option<i64>>) -> String {
    let one = |(account, balance): (&String, &Option<i64>)| match balance {
        Some(balance) => format!("{account}: {balance}"),
        None => format!("{account}: nil"),
    };
    let shown: Vec<String> = balances.iter().take(ACCOUNTS_SHOWN_MAX).map(one).collect();
    format!("{}{}", shown.join(", "), rest(balances.len()))
}

fn rest(all: usize) -> String {
    match all.saturating_sub(ACCOUNTS_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {}", many(more as u64, "more account")),
    }
}
