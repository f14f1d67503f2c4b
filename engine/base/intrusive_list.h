// Doubly linked list whose links live in the elements: no allocation, erase in constant time.
//
// An element derives from ListLink<Tag> for each list that it can be in at once. One thread.
#ifndef MILLRACE_ENGINE_BASE_INTRUSIVE_LIST_H_
#define MILLRACE_ENGINE_BASE_INTRUSIVE_LIST_H_

#include <cstddef>

#include "engine/base/check.h"

namespace engine {

template <typename Tag>
struct ListLink {
  ListLink* previous = nullptr;
  ListLink* next = nullptr;
  bool linked() const noexcept { return next != nullptr; }
};

template <typename T, typename Tag>
class IntrusiveList {
 public:
  IntrusiveList() noexcept { head_.previous = head_.next = &head_; }
  ~IntrusiveList() { ENGINE_CHECK(empty()); }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  bool empty() const noexcept { return head_.next == &head_; }
  std::size_t size() const noexcept { return size_; }

  void PushBack(T& element) noexcept { Insert(element, *head_.previous); }
  void PushFront(T& element) noexcept { Insert(element, head_); }
  // `after` is in this list.
  void InsertAfter(T& element, T& after) noexcept { Insert(element, after); }
  T& front() noexcept {
    ENGINE_CHECK(!empty());
    return static_cast<T&>(*head_.next);
  }
  T& back() noexcept {
    ENGINE_CHECK(!empty());
    return static_cast<T&>(*head_.previous);
  }
  T& PopFront() noexcept {
    T& element = front();
    Erase(element);
    return element;
  }
  T& PopBack() noexcept {
    T& element = back();
    Erase(element);
    return element;
  }
  void Erase(T& element) noexcept {
    Link& link = element;
    ENGINE_CHECK(link.linked());
    link.previous->next = link.next;
    link.next->previous = link.previous;
    link.previous = link.next = nullptr;
    --size_;
  }

 private:
  using Link = ListLink<Tag>;
  void Insert(T& element, Link& after) noexcept {
    Link& link = element;
    ENGINE_CHECK(!link.linked());
    link.previous = &after;
    link.next = after.next;
    after.next->previous = &link;
    after.next = &link;
    ++size_;
  }

  Link head_;
  std::size_t size_ = 0;
};

}  // namespace engine

#endif  // MILLRACE_ENGINE_BASE_INTRUSIVE_LIST_H_
