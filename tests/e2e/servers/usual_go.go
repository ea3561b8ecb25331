// SPDX-License-Identifier: Apache-2.0

// The usual site (see ../usual.py) on Go's net/http. usage: usual_go PORT
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

var chunkSizes = []int{1, 3, 17, 255, 4096, 60001}

func whole(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func chunks(w http.ResponseWriter, sizes []int) {
	for _, size := range sizes {
		io.WriteString(w, strings.Repeat("c", size))
		w.(http.Flusher).Flush()
	}
}

func main() {
	large, err := os.CreateTemp("", "sonde-e2e-")
	if err != nil {
		panic(err)
	}
	os.Remove(large.Name())
	large.Write(bytes.Repeat([]byte("l"), 1000000))

	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/plain":
			whole(w, 200, "plain\n")
		case "/empty":
			w.WriteHeader(204)
		case "/large": // copying from a file to a connection, Go sends it by sendfile
			file, _ := os.Open(fmt.Sprintf("/proc/self/fd/%d", large.Fd()))
			defer file.Close()
			w.Header().Set("Content-Length", "1000000")
			io.Copy(w, file)
		case "/chunks":
			chunks(w, chunkSizes)
		case "/few-chunks":
			chunks(w, chunkSizes[:3])
		case "/upload":
			size, _ := io.Copy(io.Discard, r.Body)
			whole(w, 201, fmt.Sprint(size))
		case "/broken":
			whole(w, 500, "broken\n")
		default:
			whole(w, 404, "nothing here\n")
		}
	})
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
