// A server of one constant answer that speaks HTTP/1.1 and HTTP/2 alike, for measuring which of them a client should speak.
//
//	bench-http2 CERT KEY ANSWER DELAY_MS
//
// Prints its port; ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	answer, err := os.ReadFile(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	delay, err := strconv.Atoi(os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(delay) * time.Millisecond)
		writer.Header().Set("Content-Type", "application/json")
		_, _ = writer.Write(answer)
	})
	go func() { log.Fatal(http.ServeTLS(listener, handler, os.Args[1], os.Args[2])) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
