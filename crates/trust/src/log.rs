//! The Merkle tree of a transparency log: RFC 6962, section 2.1, and RFC 9162, section 2.1, over SHA-256.
//!
//! A node that stands for a complete subtree of `2^level` leaves never changes again, so those are what is stored (`NodeId`); every root
//! and every proof is made of few of them. Who keeps them asks which (`needed_for_…`), fetches those in one query and gives them as a map.
//!
//! A leaf is the bytes of `Envelope::to_bytes`; `leaf_hash` of them goes into the tree.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

/// A hash in the tree.
pub type Hash = [u8; 32];

/// Stored nodes, or those of them that were asked for.
pub type Nodes = HashMap<NodeId, Hash>;

/// The root of the complete subtree over the leaves from `index << level` to `(index + 1) << level`, without the last. A leaf has level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    pub level: u8,
    pub index: u64,
}

/// What a new leaf brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// To be stored: the leaf, and each complete subtree that it is the last leaf of.
    pub nodes: Vec<(NodeId, Hash)>,
    /// Of the tree with the new leaf.
    pub root: Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error("The log's node {} at level {} is missing: its storage is damaged.", .0.index, .0.level)]
    Missing(NodeId),
    #[error("The log has {size} entries, so there is none with the number {index}.")]
    NoSuchLeaf { index: u64, size: u64 },
    #[error("A log of {old} entries cannot have become one of {new}.")]
    Shrunk { old: u64, new: u64 },
    #[error("The proof has {found} hashes, and one for these sizes has another number of them.")]
    Length { found: usize },
    #[error("The proof does not lead to the root of the tree.")]
    Root,
    #[error("The proof does not lead to the root of the older tree.")]
    OldRoot,
}

/// Of a leaf's bytes. The prefix keeps a leaf from being passed off as a node.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Leaves from `begin` to `end`, without the last: a subtree as the RFC's recursion meets it, complete or at the right edge.
#[derive(Clone, Copy)]
struct Range {
    begin: u64,
    end: u64,
}

impl Range {
    fn first(size: u64) -> Self {
        Self { begin: 0, end: size }
    }

    /// Where the RFC splits: the largest power of two below the number of leaves, of which there are two or more.
    fn split(self) -> u64 {
        self.begin + (1 << (self.end - self.begin - 1).ilog2())
    }

    /// The complete subtrees that it consists of, from left to right.
    fn nodes(self) -> impl DoubleEndedIterator<Item = NodeId> {
        let leaves = self.end - self.begin;
        (0..64u8).rev().filter(move |level| leaves >> level & 1 == 1).map(move |level| {
            // Those before it are all larger, so that it begins at a multiple of its size.
            let before = (leaves >> level) - 1;
            NodeId { level, index: (self.begin >> level) + before }
        })
    }

    fn hash(self, nodes: &Nodes) -> Result<Hash, LogError> {
        let mut hash = None;
        for id in self.nodes().rev() {
            let left = nodes.get(&id).ok_or(LogError::Missing(id))?;
            hash = Some(hash.map_or(*left, |right| node_hash(left, &right)));
        }
        Ok(hash.unwrap_or_else(|| Sha256::digest([]).into()))
    }
}

/// The nodes of which `root` and `append` make what they give: at most one a level.
pub fn needed_for_append(size: u64) -> Vec<NodeId> {
    Range::first(size).nodes().collect()
}

/// The root of the tree of the first `size` leaves, from the nodes of `needed_for_append(size)`. Without leaves it is the hash of nothing.
///
/// # Errors
/// `Missing`.
pub fn root(size: u64, nodes: &Nodes) -> Result<Hash, LogError> {
    Range::first(size).hash(nodes)
}

/// Puts a leaf behind the first `size`, with the nodes of `needed_for_append(size)`. To append several, put the new nodes into the map.
///
/// # Errors
/// `Missing`.
pub fn append(size: u64, leaf: Hash, nodes: &Nodes) -> Result<Appended, LogError> {
    let mut new = vec![(NodeId { level: 0, index: size }, leaf)];
    let mut root = leaf;
    // From the smallest on: while the subtrees to the left are of the same size, they become one that is complete.
    for (id, level) in Range::first(size).nodes().rev().zip(0..) {
        let left = nodes.get(&id).ok_or(LogError::Missing(id))?;
        root = node_hash(left, &root);
        if id.level == level {
            new.push((NodeId { level: level + 1, index: size >> (level + 1) }, root));
        }
    }
    Ok(Appended { nodes: new, root })
}

/// RFC 9162, section 2.1.3.1, from the leaf to the root.
fn inclusion_ranges(index: u64, size: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut tree = Range::first(size);
    while index < size && tree.end - tree.begin > 1 {
        let (left, right) = (Range { end: tree.split(), ..tree }, Range { begin: tree.split(), ..tree });
        let (inside, beside) = if index < right.begin { (left, right) } else { (right, left) };
        ranges.push(beside);
        tree = inside;
    }
    ranges.reverse();
    ranges
}

/// The nodes of which `inclusion_proof` makes the proof.
pub fn needed_for_inclusion(index: u64, size: u64) -> Vec<NodeId> {
    inclusion_ranges(index, size).into_iter().flat_map(Range::nodes).collect()
}

/// That the leaf `index` is in the tree of the first `size` leaves: at most 64 hashes.
///
/// # Errors
/// `NoSuchLeaf`, `Missing`.
pub fn inclusion_proof(index: u64, size: u64, nodes: &Nodes) -> Result<Vec<Hash>, LogError> {
    if index >= size {
        return Err(LogError::NoSuchLeaf { index, size });
    }
    inclusion_ranges(index, size).into_iter().map(|range| range.hash(nodes)).collect()
}

/// RFC 9162, section 2.1.4.1. Nothing for an empty old tree and for equal ones.
fn consistency_ranges(old: u64, new: u64) -> Vec<Range> {
    let mut ranges = Vec::new();
    if old == 0 || old >= new {
        return ranges;
    }
    let mut tree = Range::first(new);
    let mut known = true;
    while tree.end != old {
        let (left, right) = (Range { end: tree.split(), ..tree }, Range { begin: tree.split(), ..tree });
        if old <= right.begin {
            ranges.push(right);
            tree = left;
        } else {
            ranges.push(left);
            tree = right;
            known = false;
        }
    }
    if !known {
        ranges.push(tree);
    }
    ranges.reverse();
    ranges
}

/// The nodes of which `consistency_proof` makes the proof.
pub fn needed_for_consistency(old: u64, new: u64) -> Vec<NodeId> {
    consistency_ranges(old, new).into_iter().flat_map(Range::nodes).collect()
}

/// That the tree of the first `new` leaves only added to that of the first `old`: at most 65 hashes.
///
/// # Errors
/// `Shrunk`, `Missing`.
pub fn consistency_proof(old: u64, new: u64, nodes: &Nodes) -> Result<Vec<Hash>, LogError> {
    if old > new {
        return Err(LogError::Shrunk { old, new });
    }
    consistency_ranges(old, new).into_iter().map(|range| range.hash(nodes)).collect()
}

/// RFC 9162, section 2.1.3.2.
///
/// # Errors
/// `NoSuchLeaf`, `Length`, `Root`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), LogError> {
    if index >= size {
        return Err(LogError::NoSuchLeaf { index, size });
    }
    let length = LogError::Length { found: proof.len() };
    let (mut first, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for beside in proof {
        if last == 0 {
            return Err(length);
        }
        if first & 1 == 1 || first == last {
            hash = node_hash(beside, &hash);
            let up = first.trailing_zeros();
            (first, last) = (first >> up, last >> up);
        } else {
            hash = node_hash(&hash, beside);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(LogError::Root) }
}

/// RFC 9162, section 2.1.4.2. From an empty tree anything may have grown; equal sizes must have equal roots.
///
/// # Errors
/// `Shrunk`, `Length`, `OldRoot`, `Root`.
pub fn verify_consistency(old: u64, new: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) -> Result<(), LogError> {
    if old > new {
        return Err(LogError::Shrunk { old, new });
    }
    let length = LogError::Length { found: proof.len() };
    if old == 0 || old == new {
        return match () {
            () if !proof.is_empty() => Err(length),
            () if old == 0 && *old_root != self::root(0, &Nodes::new())? => Err(LogError::OldRoot),
            () if old == new && old_root != new_root => Err(LogError::Root),
            () => Ok(()),
        };
    }
    // A complete old tree is the beginning of the way; its root is known and not in the proof.
    let mut proof = proof.iter();
    let start = if old.is_power_of_two() { old_root } else { proof.next().ok_or(length.clone())? };
    let (mut first, mut last) = (old - 1, new - 1);
    let up = first.trailing_ones();
    (first, last) = (first >> up, last >> up);
    let (mut before, mut after) = (*start, *start);
    for beside in proof {
        if last == 0 {
            return Err(length);
        }
        if first & 1 == 1 || first == last {
            before = node_hash(beside, &before);
            after = node_hash(beside, &after);
            let up = first.trailing_zeros();
            (first, last) = (first >> up, last >> up);
        } else {
            after = node_hash(&after, beside);
        }
        (first, last) = (first >> 1, last >> 1);
    }
    match () {
        () if last != 0 => Err(length),
        () if before != *old_root => Err(LogError::OldRoot),
        () if after != *new_root => Err(LogError::Root),
        () => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
