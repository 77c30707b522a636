//! All files of the input: which one is which, when names change.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use dstream_sdk::{Result, tracing};

use crate::config::Config;
use crate::files::{self, Found, Listing};
use crate::identity::Inode;
use crate::state::FileState;
use crate::tail::{Tail, is_same};

/// Puts the checkpoints of the last run to the files of now.
pub(crate) fn resume(
    config: &Config,
    states: BTreeMap<String, FileState>,
    listing: &Listing,
) -> Result<Vec<Tail>> {
    let by_inode = by_inode(listing);
    let mut retired = Vec::new();
    let mut placed: BTreeMap<String, Tail> = BTreeMap::new();
    for (partition, state) in states {
        let here = listing.get_key_value(&partition);
        let moved = by_inode.get(&state.inode).map(|name| (*name, &listing[*name]));
        let same = |(_, found): &(&String, &Found)| is_same(&state, found);
        if let Some((name, found)) = moved.filter(same).or_else(|| here.filter(same)) {
            let better = placed.get(name).is_none_or(|t| t.state.offset < state.offset);
            if better {
                let mut tail = Tail::new(config, name, found.clone(), state)?;
                tail.state.inode = found.inode;
                tail.moved = *name != partition;
                placed.insert(name.clone(), tail);
            }
        } else if let Some(tail) = rotated(config, &partition, &state)? {
            retired.push(tail);
        } else {
            tracing::warn!(
                file = partition,
                "the file was replaced or is gone; what is there now is read from its beginning"
            );
        }
    }
    add_new(config, listing, &mut placed)?;
    retired.extend(placed.into_values());
    Ok(retired)
}

/// The file was renamed to something that `path` does not name: its rest is still to be read.
fn rotated(config: &Config, partition: &str, state: &FileState) -> Result<Option<Tail>> {
    let Some(path) = files::sibling(partition.as_ref(), state.inode) else { return Ok(None) };
    let Ok(metadata) = std::fs::metadata(&path) else { return Ok(None) };
    let found = Found::new(path, &metadata);
    if !is_same(state, &found) {
        return Ok(None);
    }
    let mut tail = Tail::new(config, partition, found, state.clone())?;
    tail.retired = Some(Instant::now());
    Ok(Some(tail))
}

fn add_new(config: &Config, listing: &Listing, placed: &mut BTreeMap<String, Tail>) -> Result<()> {
    for (name, found) in listing {
        if !placed.contains_key(name) {
            placed.insert(name.clone(), Tail::fresh(config, name, found.clone())?);
        }
    }
    Ok(())
}

/// Follows renames, removals and truncation since the last look, and takes up new files.
pub(crate) fn look_again(
    config: &Config,
    tails: Vec<Tail>,
    listing: &Listing,
) -> Result<Vec<Tail>> {
    let by_inode = by_inode(listing);
    let (mut retired, mut placed) = (Vec::new(), BTreeMap::new());
    for mut tail in tails {
        let now = match by_inode.get(&tail.found.inode) {
            Some(name) => Some((*name, &listing[*name])),
            None if tail.found.inode.is_known() => None,
            None => listing.get_key_value(&tail.partition),
        };
        match now {
            _ if tail.retired.is_some() => retired.push(tail),
            None => {
                tail.retired = Some(Instant::now());
                retired.push(tail);
            }
            Some((name, found)) => {
                tail.moved |= *name != tail.partition;
                tail.partition.clone_from(name);
                let tail = refreshed(config, tail, found)?;
                placed.insert(name.clone(), tail);
            }
        }
    }
    add_new(config, listing, &mut placed)?;
    retired.extend(placed.into_values());
    Ok(retired)
}

/// A file that has grown is looked at: it may have been truncated and written anew.
fn refreshed(config: &Config, mut tail: Tail, found: &Found) -> Result<Tail> {
    let changed = tail.found.len != found.len || tail.found.modified != found.modified;
    tail.found = found.clone();
    if changed && !tail.is_same() {
        tracing::warn!(
            file = tail.partition,
            "the file was truncated or rewritten; it is read from its beginning"
        );
        let mut fresh = Tail::fresh(config, &tail.partition, found.clone())?;
        fresh.moved = true;
        return Ok(fresh);
    }
    Ok(tail)
}

fn by_inode(listing: &Listing) -> HashMap<Inode, &String> {
    let known = listing.iter().filter(|(_, found)| found.inode.is_known());
    known.map(|(name, found)| (found.inode, name)).collect()
}
