//! Global transaction ids: what was read, in each server's own way.

use std::collections::BTreeMap;

/// MariaDB: the newest id of each domain, `0-1-100,1-1-7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MariaGtids(BTreeMap<u32, (u32, u64)>);

impl MariaGtids {
    /// `None`: it is no such list.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut all = Self::default();
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            let mut parts = id.splitn(3, '-');
            let domain = parts.next()?.parse().ok()?;
            let server = parts.next()?.parse().ok()?;
            all.add(domain, server, parts.next()?.parse().ok()?);
        }
        Some(all)
    }

    pub(crate) fn add(&mut self, domain: u32, server: u32, sequence: u64) {
        self.0.insert(domain, (server, sequence));
    }

    pub(crate) fn text(&self) -> String {
        let ids = self.0.iter().map(|(domain, (server, n))| format!("{domain}-{server}-{n}"));
        ids.collect::<Vec<_>>().join(",")
    }
}

/// MySQL: every transaction that was read, `uuid:1-100:105,uuid:1-7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MysqlGtids(BTreeMap<[u8; 16], Vec<(u64, u64)>>);

impl MysqlGtids {
    /// `None`: it is no such set, or has tags.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut all = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut pieces = part.split(':');
            let uuid = uuid(pieces.next()?)?;
            for interval in pieces {
                let (first, last) = interval.split_once('-').unwrap_or((interval, interval));
                let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                all.0.entry(uuid).or_default().push((first, last));
            }
        }
        all.0.values_mut().for_each(|intervals| *intervals = joined(intervals));
        Some(all)
    }

    pub(crate) fn add(&mut self, uuid: [u8; 16], number: u64) {
        let intervals = self.0.entry(uuid).or_default();
        match intervals.last_mut() {
            // Nearly always the next one.
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => {
                intervals.push((number, number));
                *intervals = joined(intervals);
            }
        }
    }

    pub(crate) fn text(&self) -> String {
        let servers = self.0.iter().map(|(uuid, intervals)| {
            let intervals = intervals.iter().map(|(first, last)| {
                if first == last { format!(":{first}") } else { format!(":{first}-{last}") }
            });
            format!("{}{}", uuid_text(uuid), intervals.collect::<String>())
        });
        servers.collect::<Vec<_>>().join(",")
    }

    /// Each server with its intervals, first and last included.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8; 16], &[(u64, u64)])> {
        self.0.iter().map(|(uuid, intervals)| (uuid, intervals.as_slice()))
    }
}

fn joined(intervals: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    let mut all: Vec<(u64, u64)> = Vec::new();
    for (first, last) in sorted {
        match all.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = (*end).max(last),
            _ => all.push((first, last)),
        }
    }
    all
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(number.to_be_bytes())
}

pub(crate) fn uuid_text(uuid: &[u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(*uuid));
    let part = |from: usize, to: usize| &digits[from..to];
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn the_newest_of_each_domain_counts() {
        let mut all = MariaGtids::read("0-1-100, 1-2-7").unwrap();
        all.add(0, 3, 101);
        assert_eq!(all.text(), "0-3-101,1-2-7");
        assert_eq!(MariaGtids::read("").unwrap().text(), "");
        assert!(MariaGtids::read("0-1").is_none());
    }

    #[test]
    fn a_set_grows_and_joins_its_intervals() {
        let mut set = MysqlGtids::read(&format!("{UUID}:1-5:7")).unwrap();
        let bytes = uuid(UUID).unwrap();
        set.add(bytes, 9);
        assert_eq!(set.text(), format!("{UUID}:1-5:7:9"));
        set.add(bytes, 6);
        set.add(bytes, 8);
        assert_eq!(set.text(), format!("{UUID}:1-9"));
        assert_eq!(set.iter().next().unwrap().1, [(1, 9)]);
        assert!(MysqlGtids::read("x:1").is_none());
    }
}
