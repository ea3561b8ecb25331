// SPDX-License-Identifier: Apache-2.0

// Asks for all of the usual site (see ../usual.py) from several goroutines. usage: usual_go PORT ROUNDS
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

var base = "http://127.0.0.1:" + os.Args[1]

// A reader whose length net/http cannot know is sent in chunks.
type unsized struct{ io.Reader }

func ask(method, path string, up int, body io.Reader) {
	request, err := http.NewRequest(method, base+path, body)
	if err != nil {
		panic(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	down, err := io.Copy(io.Discard, answer.Body)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()
	fmt.Println(method, path, answer.StatusCode, up, down)
}

func visit(rounds int) {
	large := bytes.Repeat([]byte("u"), 300000)
	for round := 0; round < rounds; round++ {
		ask("GET", "/plain", 0, nil)
		ask("HEAD", "/plain", 0, nil)
		ask("GET", "/empty", 0, nil)
		ask("GET", "/large", 0, nil)
		ask("GET", "/chunks", 0, nil)
		ask("POST", "/upload", 0, nil)
		ask("POST", "/upload", len(large), bytes.NewReader(large))
		ask("POST", "/upload", 60001, unsized{bytes.NewReader(large[:60001])})
		ask("GET", "/broken", 0, nil)
		ask("GET", "/missing", 0, nil)
	}
}

func main() {
	rounds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	var all sync.WaitGroup
	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			visit(rounds)
		}()
	}
	all.Wait()
}
