// Checks what a journal says with the code that checks Go's module checksums, and nothing else: its checkpoints
// with sumdb/note, its proofs with sumdb/tlog. Whatever was altered must be refused.
//
//	sumdb_check FOLDER
//
// The folder holds: vkey; checkpoint-SIZE, a signed note; proof-SEQ, a tlog-proof, and body-SEQ, the entry;
// consistency, a line each: old size, new size, hashes.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func require(good bool, format string, args ...interface{}) {
	if !good {
		must(fmt.Errorf(format, args...))
	}
}

func read(path string) []byte {
	content, err := os.ReadFile(path)
	must(err)
	return content
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return value
}

func hashes(lines []string) []tlog.Hash {
	var out []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		must(err)
		out = append(out, hash)
	}
	return out
}

// Opens a checkpoint, after making sure that another text or signature does not open.
func open(message []byte, origin string, verifiers note.Verifiers) (int64, tlog.Hash) {
	altered := bytes.Replace(message, []byte("\n"), []byte("x\n"), 1)
	_, err := note.Open(altered, verifiers)
	require(err != nil, "an altered checkpoint was opened")
	opened, err := note.Open(message, verifiers)
	must(err)
	require(len(opened.Sigs) == 1 && len(opened.UnverifiedSigs) == 0, "not signed by its key alone")
	lines := strings.Split(opened.Text, "\n")
	require(len(lines) == 4 && lines[0] == origin && lines[3] == "", "not a checkpoint: %q", opened.Text)
	return number(lines[1]), hashes(lines[2:3])[0]
}

func flipped(hash tlog.Hash) tlog.Hash {
	hash[7] ^= 1
	return hash
}

func checkRecord(proof []byte, body []byte, origin string, verifiers note.Verifiers) {
	parts := strings.SplitN(string(proof), "\n\n", 2)
	require(len(parts) == 2, "not a proof")
	lines := strings.Split(parts[0], "\n")
	require(lines[0] == "c2sp.org/tlog-proof@v1", "not a proof: %q", lines[0])
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index := number(strings.TrimPrefix(lines[0], "index "))
	path := tlog.RecordProof(hashes(lines[1:]))
	size, root := open([]byte(parts[1]), origin, verifiers)
	must(tlog.CheckRecord(path, size, root, index, tlog.RecordHash(body)))
	require(tlog.CheckRecord(path, size, root, index, tlog.RecordHash(append(body, ' '))) != nil,
		"another entry was proven")
	for i := range path {
		wrong := append(tlog.RecordProof(nil), path...)
		wrong[i] = flipped(wrong[i])
		require(tlog.CheckRecord(wrong, size, root, index, tlog.RecordHash(body)) != nil,
			"an altered proof was accepted")
	}
}

func checkTrees(line string, roots map[int64]tlog.Hash) {
	fields := strings.Fields(line)
	old, size := number(fields[0]), number(fields[1])
	proof := tlog.TreeProof(hashes(fields[2:]))
	must(tlog.CheckTree(proof, size, roots[size], old, roots[old]))
	require(tlog.CheckTree(proof, size, flipped(roots[size]), old, roots[old]) != nil, "another tree was proven")
	if old != size {
		require(tlog.CheckTree(proof, size, roots[size], old, flipped(roots[old])) != nil,
			"another history was proven")
	}
}

func main() {
	require(len(os.Args) == 2, "usage: sumdb_check FOLDER")
	folder := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(filepath.Join(folder, "vkey")))))
	must(err)
	verifiers := note.VerifierList(verifier)

	roots := map[int64]tlog.Hash{}
	names, err := filepath.Glob(filepath.Join(folder, "checkpoint-*"))
	must(err)
	for _, name := range names {
		size, root := open(read(name), verifier.Name(), verifiers)
		require(strings.HasSuffix(name, fmt.Sprintf("-%d", size)), "%s is of size %d", name, size)
		roots[size] = root
	}
	proofs, err := filepath.Glob(filepath.Join(folder, "proof-*"))
	must(err)
	for _, name := range proofs {
		body := filepath.Join(folder, strings.Replace(filepath.Base(name), "proof-", "body-", 1))
		checkRecord(read(name), read(body), verifier.Name(), verifiers)
	}
	trees := strings.Split(strings.TrimSpace(string(read(filepath.Join(folder, "consistency")))), "\n")
	for _, line := range trees {
		checkTrees(line, roots)
	}
	fmt.Printf("%d checkpoints, %d entries and %d pairs of trees agree\n", len(roots), len(proofs), len(trees))
}
