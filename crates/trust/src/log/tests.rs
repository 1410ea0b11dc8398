use super::*;
use crate::text::{from_hex, hex};
use proptest::prelude::*;

/// RFC 6962, section 2.1, word by word.
mod naive {
    use super::*;

    pub fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves));
                node_hash(&root(left), &root(right))
            }
        }
    }

    pub fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(split(leaves));
        let (mut path, beside) =
            if index < left.len() { (path(index, left), root(right)) } else { (self::path(index - left.len(), right), root(left)) };
        path.push(beside);
        path
    }

    pub fn proof(old: usize, leaves: &[Hash]) -> Vec<Hash> {
        subproof(old, leaves, true)
    }

    fn subproof(old: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
        if old == leaves.len() {
            return if known { Vec::new() } else { vec![root(leaves)] };
        }
        let (left, right) = leaves.split_at(split(leaves));
        let (mut proof, beside) = if old <= left.len() {
            (subproof(old, left, known), root(right))
        } else {
            (subproof(old - left.len(), right, false), root(left))
        };
        proof.push(beside);
        proof
    }

    fn split(leaves: &[Hash]) -> usize {
        leaves.len().next_power_of_two() / 2
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|at| leaf_hash(&at.to_le_bytes())).collect()
}

/// All nodes and all roots of a log that grew leaf by leaf, each time with what `needed_for_append` names and nothing else.
fn grown(leaves: &[Hash]) -> (Nodes, Vec<Hash>) {
    let mut stored = Nodes::new();
    let mut roots = vec![root(0, &stored).unwrap()];
    for (leaf, size) in leaves.iter().zip(0..) {
        let new = append(size, *leaf, &only(&needed_for_append(size), &stored)).unwrap();
        for (id, hash) in new.nodes {
            assert_eq!(stored.insert(id, hash), None, "a node is written once");
        }
        roots.push(new.root);
    }
    (stored, roots)
}

fn only(ids: &[NodeId], stored: &Nodes) -> Nodes {
    ids.iter().map(|id| (*id, stored[id])).collect()
}

#[test]
fn grows_and_proves_as_the_rfc_says() {
    let leaves = leaves(70);
    let (stored, roots) = grown(&leaves);
    for size in 0..=leaves.len() {
        assert_eq!(roots[size], naive::root(&leaves[..size]));
        assert_eq!(root(size as u64, &only(&needed_for_append(size as u64), &stored)).unwrap(), roots[size]);
        for index in 0..size {
            let (at, of) = (index as u64, size as u64);
            let proof = inclusion_proof(at, of, &only(&needed_for_inclusion(at, of), &stored)).unwrap();
            assert_eq!(proof, naive::path(index, &leaves[..size]), "{index} of {size}");
            verify_inclusion(&leaves[index], at, of, &proof, &roots[size]).unwrap();
        }
        for old in 0..=size {
            let (from, to) = (old as u64, size as u64);
            let proof = consistency_proof(from, to, &only(&needed_for_consistency(from, to), &stored)).unwrap();
            let expected = if old == 0 { Vec::new() } else { naive::proof(old, &leaves[..size]) };
            assert_eq!(proof, expected, "{old} to {size}");
            verify_consistency(from, to, &proof, &roots[old], &roots[size]).unwrap();
        }
    }
}

#[test]
fn a_complete_subtree_is_stored_when_its_last_leaf_comes() {
    let (stored, _) = grown(&leaves(7));
    let mut ids: Vec<(u8, u64)> = stored.keys().map(|id| (id.level, id.index)).collect();
    ids.sort_unstable();
    assert_eq!(ids, [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (1, 0), (1, 1), (1, 2), (2, 0)]);
}

/// The tree of the reference implementation of Certificate Transparency (`merkle_tree_test.cc`, and `proof/verify_test.go` of
/// github.com/transparency-dev/merkle): its leaves, roots and proofs.
mod reference {
    use super::*;

    const LEAVES: [&[u8]; 8] =
        [b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", b"\x50\x51\x52\x53\x54\x55\x56\x57", b"`abcdefghijklmno"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    const INCLUSION: [(u64, u64, &[&str]); 5] = [
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    const CONSISTENCY: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
        (
            6,
            7,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];

    #[test]
    fn roots_and_proofs() {
        let leaves = LEAVES.map(leaf_hash);
        let (stored, roots) = grown(&leaves);
        assert_eq!(roots.iter().map(|root| hex(root)).collect::<Vec<_>>(), ROOTS);
        for (index, size, expected) in INCLUSION {
            let proof = inclusion_proof(index, size, &stored).unwrap();
            assert_eq!(proof.iter().map(|hash| hex(hash)).collect::<Vec<_>>(), expected);
            tampered_inclusion(&leaves[index as usize], index, size, &proof, &roots[size as usize]);
        }
        for (old, new, expected) in CONSISTENCY {
            let proof = consistency_proof(old, new, &stored).unwrap();
            assert_eq!(proof.iter().map(|hash| hex(hash)).collect::<Vec<_>>(), expected);
            tampered_consistency(old, new, &proof, &roots[old as usize], &roots[new as usize]);
        }
    }
}

fn other() -> Hash {
    from_hex("abacaba000000000000000000000000000000000000000000060061e00123456").unwrap()
}

/// Each change that a proof could suffer: one bit, one hash more or less, anywhere.
fn changes(proof: &[Hash], root: &Hash) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..=proof.len() {
        for hash in [*root, other()].into_iter().chain(proof.first().copied()) {
            let mut longer = proof.to_vec();
            longer.insert(at, hash);
            all.push(longer);
        }
    }
    for at in 0..proof.len() {
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        let mut bit = proof.to_vec();
        bit[at][0] ^= 8;
        all.extend([shorter, bit]);
    }
    all
}

fn tampered_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) {
    verify_inclusion(leaf, index, size, proof, root).unwrap();
    for changed in changes(proof, root) {
        assert!(verify_inclusion(leaf, index, size, &changed, root).is_err());
    }
    assert!(verify_inclusion(&other(), index, size, proof, root).is_err());
    assert!(verify_inclusion(leaf, index, size, proof, &other()).is_err());
    for index in [index.wrapping_sub(1), index + 1, index ^ 2] {
        assert!(verify_inclusion(leaf, index, size, proof, root).is_err());
    }
    for size in [size * 2, size / 2] {
        assert!(verify_inclusion(leaf, index, size, proof, root).is_err());
    }
}

fn tampered_consistency(old: u64, new: u64, proof: &[Hash], old_root: &Hash, new_root: &Hash) {
    verify_consistency(old, new, proof, old_root, new_root).unwrap();
    for changed in changes(proof, old_root).into_iter().chain(changes(proof, new_root)) {
        assert!(verify_consistency(old, new, &changed, old_root, new_root).is_err());
    }
    assert!(verify_consistency(old, new, proof, &other(), new_root).is_err());
    assert!(verify_consistency(old, new, proof, old_root, &other()).is_err());
    if old != new {
        assert!(verify_consistency(old, new, proof, new_root, old_root).is_err());
        for (old, new) in [(old - 1, new), (old + 1, new), (old ^ 2, new), (old, new * 2), (old, new / 2)] {
            assert!(verify_consistency(old, new, proof, old_root, new_root).is_err(), "{old} to {new}");
        }
    }
}

#[test]
fn what_there_is_no_proof_of() {
    let (stored, roots) = grown(&leaves(3));
    assert_eq!(inclusion_proof(3, 3, &stored), Err(LogError::NoSuchLeaf { index: 3, size: 3 }));
    assert_eq!(inclusion_proof(0, 0, &stored), Err(LogError::NoSuchLeaf { index: 0, size: 0 }));
    assert_eq!(consistency_proof(3, 2, &stored), Err(LogError::Shrunk { old: 3, new: 2 }));
    assert_eq!(root(3, &Nodes::new()), Err(LogError::Missing(NodeId { level: 0, index: 2 })));
    assert_eq!(append(3, other(), &Nodes::new()), Err(LogError::Missing(NodeId { level: 0, index: 2 })));
    assert_eq!(verify_consistency(0, 3, &[], &other(), &roots[3]), Err(LogError::OldRoot));
    assert_eq!(verify_consistency(0, 3, &[other()], &roots[0], &roots[3]), Err(LogError::Length { found: 1 }));
    assert_eq!(verify_consistency(3, 2, &[], &roots[3], &roots[2]), Err(LogError::Shrunk { old: 3, new: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn larger_logs_prove_as_well(size in 1usize..3000, index: prop::sample::Index, old: prop::sample::Index) {
        let leaves = leaves(size);
        let (stored, roots) = grown(&leaves);
        let (index, old, of) = (index.index(size), old.index(size + 1), size as u64);
        let proof = inclusion_proof(index as u64, of, &only(&needed_for_inclusion(index as u64, of), &stored)).unwrap();
        prop_assert_eq!(&proof, &naive::path(index, &leaves));
        verify_inclusion(&leaves[index], index as u64, of, &proof, &roots[size]).unwrap();
        for changed in changes(&proof, &roots[size]) {
            prop_assert!(verify_inclusion(&leaves[index], index as u64, of, &changed, &roots[size]).is_err());
        }
        let proof = consistency_proof(old as u64, of, &only(&needed_for_consistency(old as u64, of), &stored)).unwrap();
        verify_consistency(old as u64, of, &proof, &roots[old], &roots[size]).unwrap();
        if old > 0 {
            prop_assert_eq!(&proof, &naive::proof(old, &leaves));
            for changed in changes(&proof, &roots[old]) {
                prop_assert!(verify_consistency(old as u64, of, &changed, &roots[old], &roots[size]).is_err());
            }
        }
    }

    #[test]
    fn any_numbers_are_answered(a: u64, b: u64, proof: Vec<[u8; 32]>) {
        _ = (needed_for_append(a), needed_for_inclusion(a, b), needed_for_consistency(a, b));
        prop_assert!(needed_for_append(a).len() <= 64);
        prop_assert!(inclusion_proof(a, b, &Nodes::new()).is_err() || b == 1);
        prop_assert!(verify_inclusion(&other(), a, b, &proof, &leaf_hash(b"")).is_err());
        prop_assert!(verify_consistency(a, b, &proof, &leaf_hash(b"1"), &leaf_hash(b"2")).is_err());
    }
}
